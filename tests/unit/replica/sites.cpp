#include "tests/unit/replica/sites.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "lib/catalog/load.h"

namespace anabranch::test {

namespace {

catalog::SchemaPtr loaded(const std::string& text) {
    const std::vector<catalog::ScriptFile> files{{"tallies.sql", text}};
    auto loaded = catalog::load(files);
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    return loaded.schema;
}

constexpr const char* tally = R"(
CREATE TABLE tally (k int PRIMARY KEY, n bigint NOT NULL DEFAULT 0, note text NOT NULL DEFAULT '');
CREATE PROCEDURE add(k int, n int) BEGIN ATOMIC
  INSERT INTO tally (k, n) VALUES (add.k, add.n) ON CONFLICT (k) DO UPDATE SET n = tally.n + excluded.n;
END;
CREATE PROCEDURE fill(first int, last int) BEGIN ATOMIC
  INSERT INTO tally (k, n) SELECT g, 1 FROM generate_series(fill.first, fill.last) AS g
  ON CONFLICT (k) DO UPDATE SET n = tally.n + excluded.n;
END;
CREATE PROCEDURE note(k int, t text) BEGIN ATOMIC
  UPDATE tally SET note = note.t WHERE tally.k = note.k;
END;
)";
constexpr const char* removal = R"(
CREATE PROCEDURE remove(k int) BEGIN ATOMIC
  DELETE FROM tally WHERE tally.k = remove.k;
END;
)";
// A table that another one refers to like this keeps its deleted rows.
constexpr const char* mark = R"(
CREATE TABLE mark (k int PRIMARY KEY REFERENCES tally ON DELETE CASCADE);
)";

catalog::Plan all_free(const catalog::Schema& schema) {
    catalog::Plan plan;
    plan.schema_hash = schema.hash;
    for (const auto& transaction : schema.transactions)
        plan.transactions.push_back({transaction.name, catalog::Route::free, {}, {}});
    return plan;
}

}  // namespace

catalog::SchemaPtr tallies(bool forget) {
    static const catalog::SchemaPtr forgets = loaded(std::string(tally) + removal),
                                    keeps = loaded(std::string(tally) + removal + mark);
    return forget ? forgets : keeps;
}

catalog::SchemaPtr tallies_for_ever() {
    static const catalog::SchemaPtr schema = loaded(tally);
    return schema;
}

// ---- one ----

Site::Site(catalog::SchemaPtr schema, replica::Options options)
    : schema_(std::move(schema)), options_(std::move(options)) {
    start({1'000'000'000});
}

void Site::start(Instant now) {
    replica_ =
        std::make_unique<replica::Replica>(schema_, all_free(*schema_), options_,
                                           Random(options_.id.value + 1000 * ++starts_), nullptr, &no_rows_);
    for (const auto& part : checkpoint_) REQUIRE(replica_->recover_checkpoint(part).has_value());
    for (const auto& record : log_) REQUIRE(replica_->recover(record.ticket, record.bytes).has_value());
    durable_ = log_.empty() ? durable_ : log_.back().ticket;
    replica::Outputs outputs;
    REQUIRE(replica_->start(now, outputs).has_value());
    carry(outputs, now);
    step(replica::OpenSession{1}, now);
}

void Site::restart(Instant now) {
    unsynced_.clear();
    held_.clear();
    unfinished_.clear();
    outbox.clear();
    start(now);
}

void Site::lose_directory(ReplicaId new_id, Instant now) {
    log_.clear();
    checkpoint_.clear();
    durable_ = 0;
    options_.id = new_id;
    restart(now);
}

void Site::step(const replica::Input& input, Instant now) {
    replica::Outputs outputs;
    replica_->step(input, now, outputs);
    carry(outputs, now);
}

std::string Site::call(const std::string& text, Instant now) {
    const auto runnable = replica_->prepare(text, {});
    INFO((runnable ? "" : runnable.error().message));
    REQUIRE(runnable.has_value());
    replica::Outputs outputs;
    const auto done = replica_->execute(1, ++number_, *runnable, {}, nullptr, now, outputs);
    carry(outputs, now);
    return done.tag ? "00000" : done.tag.error().sqlstate;
}

void Site::carry(replica::Outputs& outputs, Instant now) {
    using Step = replica::CheckpointPart::Step;
    bool taken = false;
    for (auto& output : outputs) {
        if (auto* record = std::get_if<replica::Persist>(&output))
            unsynced_.push_back({record->ticket, std::move(record->record)});
        else if (auto* send = std::get_if<replica::Send>(&output)) {
            if (send->after <= durable_)
                outbox.push_back({options_.name, send->peer, std::move(send->message)});
            else
                held_.push_back(std::move(*send));
        } else if (auto* notice = std::get_if<replica::Notice>(&output)) {
            notices.push_back(notice->text);
        } else if (auto* disconnect = std::get_if<replica::Disconnect>(&output)) {
            disconnected.push_back(disconnect->peer);
        } else if (auto* part = std::get_if<replica::CheckpointPart>(&output)) {
            if (part->step == Step::begin) unfinished_.clear();
            if (part->step == Step::end)
                checkpoint_ = std::move(unfinished_);
            else
                unfinished_.push_back(std::move(part->bytes));
            taken = true;
        } else if (auto* truncate = std::get_if<replica::TruncateLog>(&output)) {
            while (log_.size() > 1 && log_.front().ticket < truncate->before) log_.erase(log_.begin());
        }
    }
    outputs.clear();
    if (auto_sync && !unsynced_.empty()) sync(now);
    if (taken) step(replica::CheckpointReady{}, now);
}

void Site::sync(Instant now) {
    if (unsynced_.empty()) return;
    durable_ = unsynced_.back().ticket;
    std::move(unsynced_.begin(), unsynced_.end(), std::back_inserter(log_));
    unsynced_.clear();
    step(replica::Persisted{durable_}, now);
    auto held = std::move(held_);
    held_.clear();
    for (auto& send : held)
        if (send.after <= durable_)
            outbox.push_back({options_.name, send.peer, std::move(send.message)});
        else
            held_.push_back(std::move(send));
}

std::string Site::digests() const {
    std::string out;
    for (const auto& table : schema_->tables) {
        const auto digest = replica_->database().digest(table.id);
        out += hex(digest[0]) + hex(digest[1]);
    }
    return out;
}

std::int64_t Site::total() const {
    std::int64_t sum = 0;
    replica_->database().scan(TableId{0}, [&](exec::RowView row) {
        sum += row.get(1).as_integer();
        return true;
    });
    return sum;
}

bool Site::noticed(const std::string& text) const {
    return std::any_of(notices.begin(), notices.end(),
                       [&](const std::string& notice) { return notice.find(text) != std::string::npos; });
}

// ---- many ----

Sites::Sites(std::size_t count, replica::Options options, bool forget)
    : Sites(count, std::move(options), tallies(forget)) {}

Sites::Sites(std::size_t count, replica::Options options, const catalog::SchemaPtr& schema) {
    const auto name_of = [](std::size_t i) { return std::string(1, static_cast<char>('a' + i)); };
    for (std::size_t i = 0; i < count; ++i) {
        auto own = options;
        own.name = name_of(i);
        own.id = ReplicaId{100 + i};
        for (std::size_t j = 0; j < count; ++j)
            if (j != i) own.peers.push_back({name_of(j), {}, true});
        sites_.push_back(std::make_unique<Site>(schema, own));
    }
}

Site& Sites::named(const std::string& name) {
    return *sites_[static_cast<std::size_t>(name[0] - 'a')];
}

void Sites::link(std::size_t a, std::size_t b, bool up) {
    for (const auto& [from, to] : {std::pair{a, b}, {b, a}}) {
        auto& known = up_[{sites_[from]->name(), sites_[to]->name()}];
        if (known == up) continue;
        known = up;
        if (up)
            sites_[from]->step(replica::PeerUp{sites_[to]->name()}, now);
        else
            sites_[from]->step(replica::PeerDown{sites_[to]->name()}, now);
    }
}

void Sites::link_all() {
    for (std::size_t i = 0; i < size(); ++i)
        for (std::size_t j = i + 1; j < size(); ++j) link(i, j);
}

void Sites::tick(Duration after) {
    now = now + after;
    for (auto& site : sites_) site->step(replica::Tick{}, now);
}

std::vector<Letter> Sites::collect() {
    std::vector<Letter> out;
    for (auto& site : sites_) {
        std::move(site->outbox.begin(), site->outbox.end(), std::back_inserter(out));
        site->outbox.clear();
    }
    return out;
}

void Sites::deliver(const Letter& letter) {
    if (!up_[{letter.from, letter.to}]) return;
    named(letter.to).step(replica::FromPeer{letter.from, letter.message}, now);
}

void Sites::settle(std::size_t rounds) {
    for (std::size_t i = 0; i < rounds; ++i) {
        tick();
        for (int hop = 0; hop < 20; ++hop) {
            const auto letters = collect();
            if (letters.empty()) break;
            for (const auto& letter : letters) deliver(letter);
        }
    }
}

std::string Sites::describe() {
    std::string out;
    for (auto& site : sites_) {
        out += site->replica().describe() + " " + site->replica().under_way() + "\n";
        const auto& notices = site->notices;
        for (std::size_t i = notices.size() - std::min<std::size_t>(notices.size(), 4); i < notices.size();
             ++i)
            out += "    " + notices[i] + "\n";
    }
    return out;
}

bool Sites::agree() {
    return std::all_of(sites_.begin(), sites_.end(), [&](const auto& site) {
        return site->version() == sites_[0]->version() && site->digests() == sites_[0]->digests();
    });
}

}  // namespace anabranch::test
