// Several transactions with one effect (keep and undo): they answer, and leave the tables, as if each had
// committed by itself.
#include <catch2/catch.hpp>

#include "crdt/database.h"
#include "tests/support/property.h"
#include "tests/unit/exec/shell.h"

namespace anabranch::test::several_test {
namespace {

const char* const shop = R"sql(
    CREATE SCHEMA assertion;
    CREATE TABLE shelf (id bigint PRIMARY KEY, room bigint NOT NULL CHECK (room >= 0), note text UNIQUE);
    CREATE TABLE box (id bigint PRIMARY KEY, s bigint REFERENCES shelf ON DELETE CASCADE, n bigint NOT NULL);
    CREATE TABLE tag (id bigint PRIMARY KEY, b bigint REFERENCES box ON DELETE SET NULL,
        s bigint REFERENCES shelf DEFERRABLE INITIALLY DEFERRED);
    CREATE VIEW assertion.no_shelf_is_too_full AS
        SELECT s, sum(n) AS total FROM box GROUP BY s HAVING sum(n) > 20;
    CREATE VIEW assertion.boxes_find_room AS
        SELECT id FROM shelf WHERE room + 2 < (SELECT count(*) FROM box WHERE box.s = shelf.id);
    CREATE PROCEDURE make_shelf(i bigint, r bigint) BEGIN ATOMIC
        INSERT INTO shelf VALUES (i, r, 'shelf ' || r); END;
    CREATE PROCEDURE use_shelf(i bigint, r bigint) BEGIN ATOMIC
        UPDATE shelf SET room = room - r WHERE id = i; END;
    CREATE PROCEDURE set_note(i bigint, r bigint) BEGIN ATOMIC
        UPDATE shelf SET note = 'shelf ' || r WHERE id = i; END;
    CREATE PROCEDURE drop_shelf(i bigint, r bigint) BEGIN ATOMIC DELETE FROM shelf WHERE id = i; END;
    CREATE PROCEDURE put_box(i bigint, r bigint) BEGIN ATOMIC
        INSERT INTO box VALUES (i * 10 + r, i, r) ON CONFLICT (id) DO UPDATE SET n = box.n + excluded.n; END;
    CREATE PROCEDURE move_box(i bigint, r bigint) BEGIN ATOMIC
        UPDATE box SET s = r WHERE id = i * 10 + r; UPDATE box SET n = n + 1 WHERE s = r; END;
    CREATE PROCEDURE put_tag(i bigint, r bigint) BEGIN ATOMIC
        INSERT INTO tag VALUES (i, i * 10 + r, r); END;
    CREATE PROCEDURE drop_tag(i bigint, r bigint) BEGIN ATOMIC DELETE FROM tag WHERE id = i OR s = r; END;
    CREATE PROCEDURE rename(i bigint, r bigint) BEGIN ATOMIC UPDATE shelf SET id = r WHERE id = i; END;
    CREATE FUNCTION room_of(i bigint, r bigint) RETURNS TABLE (a bigint, b bigint, c text)
        LANGUAGE sql STABLE BEGIN ATOMIC
        SELECT s.id, s.room, s.note FROM shelf s WHERE s.room >= i OR s.id < r ORDER BY s.id; END;
    INSERT INTO shelf VALUES (1, 5, 'one'), (2, 5, 'two');
)sql";

struct Lines final : exec::RowSink {
    bool row(std::span<const sql::Datum> values) override {
        for (const auto& value : values) add(value);
        return true;
    }
    void add(sql::Datum value) {
        text += (value.is_null()    ? "-"
                 : value.is_bytes() ? std::string(value.as_bytes())
                                    : std::to_string(value.as_integer())) +
                "|";
    }
    std::string text;
};

struct Call {
    std::string name;
    std::int64_t i = 0, r = 0;
};

// One replica's state, and a run of transactions on it.
class Side {
  public:
    explicit Side(const catalog::SchemaPtr& schema)
        : schema_(schema), database_(schema), run_(schema, database_, origin_) {
        for (const auto& statement : schema->initial)
            REQUIRE(run_.run(*exec::compile(schema, statement), {}, nullptr).has_value());
        REQUIRE(commit().has_value());
    }
    // Answer, and whether it may be kept.
    std::pair<std::string, bool> answer(const Call& call) {
        Lines lines;
        const sql::Datum values[] = {sql::Datum::integer(call.i), sql::Datum::integer(call.r)};
        const auto done =
            run_.run(*exec::compile(schema_, *schema_->find_transaction(call.name)), values, &lines);
        if (!done)
            return {done.error().sqlstate + " " + done.error().message + " " + done.error().detail, false};
        return {lines.text, true};
    }
    // The number of rows written.
    Result<std::size_t> commit() {
        TRY(const auto* writes, run_.finish());
        const Dot dot{ReplicaId{9}, ++seq_};
        REQUIRE(database_.merge(database_.make_delta(*writes, dot, {seq_, dot.origin})) ==
                crdt::Database::Merged::applied);
        const std::size_t rows = writes->rows.size();
        run_.reset();
        return rows;
    }
    std::string tables() const {
        Lines lines;
        for (const auto& table : schema_->tables) {
            lines.text += table.name + "\n";
            database_.scan(table.id, [&](exec::RowView row) {
                for (std::uint32_t c = 0; c < table.columns.size(); ++c) lines.add(row.get(c));
                lines.text += "\n";
                return true;
            });
        }
        return lines.text;
    }
    exec::TransactionRun& run() { return run_; }

  private:
    catalog::SchemaPtr schema_;
    crdt::Database database_;
    CountingOrigin origin_;
    exec::TransactionRun run_;
    std::uint64_t seq_ = 0;
};

catalog::SchemaPtr loaded() {
    const catalog::ScriptFile file{"shop.sql", shop};
    const auto result = catalog::load({&file, 1});
    INFO(result.rendered_errors);
    REQUIRE(result.schema != nullptr);
    return result.schema;
}

Call any_call(Random& random, const catalog::Schema& schema) {
    return {schema.transactions[random.below(schema.transactions.size())].name,
            static_cast<std::int64_t>(random.below(4)), static_cast<std::int64_t>(random.below(5))};
}

// One call at both, by itself and among others. True: it was kept.
bool same_call(Side& one, Side& all, const Call& call) {
    INFO(call.name << "(" << call.i << "," << call.r << ")");
    auto [expected, good] = one.answer(call);
    auto [got, keep] = all.answer(call);
    REQUIRE(got == expected);
    if (!good) {
        all.run().undo();
        one.run().reset();
        return false;
    }
    const auto committed = one.commit();
    const auto kept = all.run().keep();
    REQUIRE(committed.has_value() == kept.has_value());
    if (committed) return true;
    REQUIRE(kept.error().message == committed.error().message);
    one.run().reset();
    return false;
}

TEST_CASE("transactions run as one answer, and leave the tables, as if each had committed by itself") {
    const auto schema = loaded();
    std::size_t kept = 0, refused = 0;
    for_seeds(500, [&](Random& random) {
        Side one(schema), all(schema);
        for (int round = 0; round < 4; ++round) {  // the runs are used again
            const std::size_t calls = 1 + random.below(random.chance(0.2) ? 60 : 15);
            for (std::size_t i = 0; i < calls; ++i) {
                ++(same_call(one, all, any_call(random, *schema)) ? kept : refused);
                if (!random.chance(0.1)) continue;  // asked for by a client who then goes away
                (void)all.answer(any_call(random, *schema));
                all.run().undo();
            }
            REQUIRE(all.commit().has_value());
            REQUIRE(all.tables() == one.tables());
        }
    });
    CHECK(kept > 1000);
    CHECK(refused > 1000);
}

TEST_CASE("images_of_undone_rows_after_reset: what was undone leaves nothing behind for the next use") {
    Side side(loaded());
    for (int round = 0; round < 3; ++round) {
        for (std::int64_t i = 0; i < 40; ++i) {  // more than are found without a tree
            CHECK(side.answer({"put_box", 1, i}).second);
            side.run().undo();
        }
        side.run().reset();
        CHECK(side.answer({"move_box", 1, 2}).second);
        CHECK(side.run().keep().has_value());
        CHECK(side.commit() == 0);
    }
}

TEST_CASE("what a refused transaction did is not in the effect of those beside it") {
    Side side(loaded());
    CHECK(side.answer({"use_shelf", 1, 3}).second);
    CHECK(side.run().keep().has_value());
    CHECK_FALSE(side.answer({"use_shelf", 1, 3}).second);  // 2 left
    side.run().undo();
    CHECK(side.answer({"put_box", 2, 4}).second);
    CHECK(side.run().keep().has_value());
    CHECK(side.answer({"put_tag", 2, 4}).second);
    CHECK_FALSE(side.run().keep().has_value());  // no shelf 4, which is checked at the end
    CHECK(side.answer({"use_shelf", 1, 2}).second);
    CHECK(side.run().keep().has_value());
    const auto writes = side.run().finish();
    REQUIRE(writes.has_value());
    REQUIRE((*writes)->rows.size() == 2);  // the shelf and the box
    REQUIRE((*writes)->rows[0].columns.size() == 1);
    CHECK((*writes)->rows[0].columns[0].amount == -5);
}

}  // namespace
}  // namespace anabranch::test::several_test
