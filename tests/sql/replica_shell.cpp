// One replica in memory behind a pipe: what the tests that compare this engine with PostgreSQL talk to.
//
// Requests on standard input, answers on standard output, each a header line and then its bytes:
//
//   schema <bytes>\n<schema file>     a fresh replica of that schema
//   run <bytes>\n<statement>          BEGIN, COMMIT and ROLLBACK group statements, else each is its own
//                                     transaction; SET TimeZone = '...' stands for the session's
//   explain <bytes>\n<statement>
//   check 0\n                         violations of the whole state, and the replica's self-check
//   builtins 0\n                      types, and the tables of operators and functions that the binder looks
//   up
//
// An answer is "<bytes>\n" and fields "<length>:<text>" ("-:" is NULL): "ok", the command tag, the number of
// columns, their names, their types, the values row by row; or "error", SQLSTATE, message, detail, hint,
// constraint, table. Every write goes the way it goes in a node: executor, delta, merge.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "crdt/database.h"
#include "lib/base/check.h"
#include "lib/catalog/load.h"
#include "lib/exec/engine.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/builtin.h"
#include "lib/sql/builtin_table.h"
#include "lib/sql/session_labels.h"
#include "lib/sql/time_zone.h"
#include "lib/sql/value.h"

namespace anabranch::test {
namespace {

using sql::Datum;

void field(std::string& out, std::string_view text) {
    out += std::to_string(text.size()) + ':';
    out += text;
}

std::string fields_of(const Error& error) {
    std::string out;
    for (const std::string_view text :
         {std::string_view("error"), std::string_view(error.sqlstate), std::string_view(error.message),
          std::string_view(error.detail), std::string_view(error.hint), std::string_view(error.constraint),
          std::string_view(error.table)})
        field(out, text);
    return out;
}

class Fields final : public exec::RowSink {
  public:
    Fields(const std::vector<sql::OutputColumn>& columns, const sql::EnumLabels& labels)
        : columns_(columns), labels_(labels) {}
    bool row(std::span<const Datum> values) override {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (values[i].is_null()) {
                text += "-:";
                continue;
            }
            value_.clear();
            sql::print_text(columns_[i].type, values[i], value_, &labels_);
            field(text, value_);
        }
        ++rows;
        return true;
    }
    std::string text;
    std::uint64_t rows = 0;

  private:
    const std::vector<sql::OutputColumn>& columns_;
    const sql::EnumLabels& labels_;
    std::string value_;
};

class Values final : public exec::RowSink {
  public:
    bool row(std::span<const Datum> row) override {
        values.assign(row.begin(), row.end());
        return true;
    }
    std::vector<Datum> values;
};

class CountingOrigin final : public exec::Origin {
  public:
    Instant now() const override { return {1'700'000'000'000'000}; }
    Random& random() override { return random_; }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        return ++identities_[{table.value, column.value}];
    }

  private:
    Random random_{1};
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> identities_;
};

class ReplicaShell {
  public:
    explicit ReplicaShell(catalog::SchemaPtr schema)
        : schema_(std::move(schema)), database_(schema_), run_(schema_, database_, origin_) {}

    Result<void> load() {
        for (const sql::StatementPtr& statement : schema_->initial) {
            TRY_VOID(run_.run(*exec::compile(schema_, statement), {}, nullptr));
            TRY_VOID(finish());
        }
        return {};
    }

    std::string run(const std::string& text) {
        const std::string word = text.substr(0, text.find(' '));
        if (word == "BEGIN") {
            block_ = true;
            failed_ = false;
            return tag("BEGIN");
        }
        if (word == "ROLLBACK" || (word == "COMMIT" && failed_)) {
            run_.reset();
            block_ = failed_ = false;
            return tag("ROLLBACK");
        }
        if (word == "COMMIT") {
            block_ = false;
            const auto done = finish();
            return done ? tag("COMMIT") : fields_of(done.error());
        }
        if (failed_)
            return fields_of(Error::make("25P02",
                                         "current transaction is aborted, commands ignored until end of "
                                         "transaction block"));
        constexpr std::string_view set_zone = "SET TimeZone = '";
        const bool sets_zone = text.starts_with(set_zone) && text.ends_with('\'');
        Result<std::string> answer =
            sets_zone ? set(text.substr(set_zone.size(), text.size() - set_zone.size() - 1)) : execute(text);
        if (answer && !block_) {
            const auto done = finish();
            if (!done) answer = std::unexpected(done.error());
        }
        if (answer) return *answer;
        failed_ = block_;
        if (!block_) run_.reset();
        return fields_of(answer.error());
    }

    std::string explain(const std::string& text) {
        const auto bound = catalog::bind_text(*schema_, text);
        if (!bound) return fields_of(bound.error());
        return tag(bound->call ? exec::explain(
                                     *exec::compile(schema_, schema_->transactions[bound->call->transaction]))
                               : exec::explain(*exec::compile(schema_, bound->statement)));
    }

    std::string check() {
        database_.self_check();
        std::string text;
        for (const exec::Violation& violation : exec::find_violations(*schema_, database_)) {
            text += schema_->invariants[violation.invariant].name + ":";
            for (const std::string& row : violation.rows) text += " " + row;
            text += "\n";
        }
        return tag(text);
    }

    static std::string tag(std::string_view text) {
        std::string out;
        field(out, "ok");
        field(out, text);
        field(out, "0");
        return out;
    }

  private:
    Result<void> finish() {
        const auto writes = run_.finish();
        if (!writes) {
            Error error = writes.error();
            run_.reset();
            return std::unexpected(std::move(error));
        }
        if (!(*writes)->empty()) {
            const ReplicaId self{7};
            ++commits_;
            const auto delta = database_.make_delta(**writes, {self, commits_}, {commits_ << 12, self});
            const auto checked = database_.check(delta);
            if (!checked) return checked;
            CHECK(database_.merge(delta) == crdt::Database::Merged::applied);
        }
        run_.reset();
        return {};
    }

    Result<std::string> set(const std::string& zone) {
        TRY(auto found, sql::TimeZone::of_setting(zone));
        zone_ = std::make_unique<const sql::TimeZone>(std::move(found));
        return tag("SET");
    }

    Result<std::string> execute(const std::string& text) {
        const std::string sent = zone_ == nullptr ? text : sql::with_zone(text, zone_->name());
        TRY(const catalog::BoundText bound, catalog::bind_text(*schema_, sent));
        if (!bound.parameter_types.empty())
            return fail(Error::make("42P02", "there is no parameter $1"));  // nobody gives it a value
        if (bound.call) {
            const catalog::Transaction& transaction = schema_->transactions[bound.call->transaction];
            Values arguments;
            const exec::CompiledPtr list = exec::compile(schema_, bound.call->arguments);
            TRY_VOID(run_.run(*list, {}, &arguments));
            return answer(*exec::compile(schema_, transaction), transaction.columns, arguments.values);
        }
        return answer(*exec::compile(schema_, bound.statement), bound.columns, {});
    }

    Result<std::string> answer(const exec::Compiled& compiled, const std::vector<sql::OutputColumn>& columns,
                               std::span<const Datum> parameters) {
        const exec::SchemaPlans& plans = exec::plans_of(*schema_);
        const sql::SessionLabels labels(&plans, zone_.get(), false);
        Fields rows(columns, labels);
        TRY(const exec::StatementResult result, run_.run(compiled, parameters, &rows));
        using Kind = exec::StatementResult::Kind;
        std::string out, name;
        switch (result.kind) {
            case Kind::insert:
                name = "INSERT 0 " + std::to_string(result.rows);
                break;
            case Kind::update:
                name = "UPDATE " + std::to_string(result.rows);
                break;
            case Kind::delete_:
                name = "DELETE " + std::to_string(result.rows);
                break;
            case Kind::merge:
                name = "MERGE " + std::to_string(result.rows);
                break;
            case Kind::call:
                name = "CALL";
                break;
            case Kind::select:
                name = "SELECT " + std::to_string(rows.rows);
                break;
        }
        field(out, "ok");
        field(out, name);
        field(out, std::to_string(columns.size()));
        for (const sql::OutputColumn& column : columns) field(out, column.name);
        for (const sql::OutputColumn& column : columns) field(out, sql::type_name(column.type, &plans));
        return out + rows.text;
    }

    catalog::SchemaPtr schema_;
    crdt::Database database_;
    CountingOrigin origin_;
    exec::TransactionRun run_;
    std::unique_ptr<const sql::TimeZone> zone_;  // none: UTC
    std::uint64_t commits_ = 0;
    bool block_ = false, failed_ = false;
};

std::string builtins() {
    std::string text;
    for (auto id = sql::TypeId::bool_; id <= sql::TypeId::daterange;
         id = static_cast<sql::TypeId>(static_cast<int>(id) + 1))
        text += "type\t" + std::string(sql::builtin_type_name({id})) + "\t" + sql::type_name({id}) + "\n";
    const auto add = [&](const char* kind, const auto& rows) {
        for (const auto& row : rows)
            text +=
                std::string(kind) + "\t" + std::string(row.name) + "\t" + std::string(row.signature) + "\n";
    };
    add("operator", sql::operator_rows());
    add("function", sql::function_rows());
    add("session", sql::session_function_rows());
    add("aggregate", sql::aggregate_rows());
    add("window", sql::window_rows());
    add("table", sql::table_function_rows());
    return ReplicaShell::tag(text);
}

std::string load(std::optional<ReplicaShell>& shell, const std::string& text) {
    const catalog::ScriptFile file{"test.sql", text};
    catalog::Loaded loaded = catalog::load({&file, 1});
    if (loaded.schema == nullptr) return fields_of(Error::make("42000", loaded.rendered_errors));
    shell.emplace(loaded.schema);
    if (const auto done = shell->load(); !done) return fields_of(done.error());
    std::string warnings;
    for (const catalog::Warning& warning : loaded.schema->warnings) warnings += warning.message + "\n";
    return ReplicaShell::tag(warnings);
}

std::string answer_to(std::optional<ReplicaShell>& shell, const std::string& kind, const std::string& text) {
    if (kind == "schema") return load(shell, text);
    if (kind == "builtins") return builtins();
    if (!shell) return fields_of(Error::make("08P01", "send a schema first"));
    if (kind == "run") return shell->run(text);
    if (kind == "explain") return shell->explain(text);
    if (kind == "check") return shell->check();
    return fields_of(Error::make("08P01", "unknown request " + kind));
}

int serve() {
    std::optional<ReplicaShell> shell;
    char kind[16];
    std::size_t size = 0;
    while (std::scanf("%15s %zu", kind, &size) == 2) {
        std::string text(size, '\0');
        if (std::getchar() != '\n' || std::fread(text.data(), 1, size, stdin) != size) return 1;
        const std::string answer = answer_to(shell, kind, text);
        std::printf("%zu\n", answer.size());
        std::fwrite(answer.data(), 1, answer.size(), stdout);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace anabranch::test

int main() {
    return anabranch::test::serve();
}
