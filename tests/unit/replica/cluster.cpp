#include "tests/unit/replica/cluster.h"

#include <catch2/catch.hpp>

#include "lib/catalog/load.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"
#include "lib/wire/codec.h"

namespace anabranch::test {

struct Cluster::Rows final : exec::RowSink {
    bool row(std::span<const sql::Datum> values) override {
        text += text.empty() ? ": " : ", ";
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i > 0) text += '|';
            if (!values[i].is_null()) sql::print_text(columns[i].type, values[i], text, labels);
        }
        return true;
    }
    std::vector<sql::OutputColumn> columns;
    const sql::EnumLabels* labels = nullptr;
    std::string text;
};

Cluster::Cluster(const std::string& schema_text, const std::set<std::string>& free, std::size_t nodes) {
    const catalog::ScriptFile file{"test.sql", schema_text};
    auto loaded = catalog::load({&file, 1});
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    schema_ = loaded.schema;
    plan_.schema_hash = schema_->hash;
    for (const auto& transaction : schema_->transactions)
        plan_.transactions.push_back({transaction.name,
                                      transaction.read_only             ? catalog::Route::read_only
                                      : free.contains(transaction.name) ? catalog::Route::free
                                                                        : catalog::Route::ordered,
                                      {},
                                      {}});
    now_ = now_ + seconds(1'700'000'000);
    for (std::size_t i = 0; i < nodes; ++i)
        nodes_[std::string(1, static_cast<char>('a' + i))].id = ReplicaId{100 + i};
    for (auto& [name, node] : nodes_) boot(name);
}

void Cluster::boot(const std::string& name) {
    Node& node = nodes_.at(name);
    replica::Options options;
    options.name = name;
    options.id = node.id;
    options.address = "at " + name;
    options.joining = !node.joins_by.empty();
    options.cluster = options.joining ? 0 : 7;
    node.contacts.clear();
    node.up.clear();
    for (const auto& [other, there] : nodes_)
        if (other != name && (options.joining ? other == node.joins_by : there.joins_by.empty()))
            options.peers.push_back({other, ReplicaId{}, true, "at " + other});
    node.replica =
        std::make_unique<replica::Replica>(schema_, plan_, options, random_.fork(name), nullptr, nullptr);
    node.durable = 0;
    for (const auto& [ticket, record] : node.disk) {
        REQUIRE(node.replica->recover(ticket, record).has_value());
        node.durable = ticket;
    }
    replica::Outputs out;
    REQUIRE(node.replica->start(now_, out).has_value());
    carry(name, out);
}

void Cluster::join(const std::string& name, const std::string& by) {
    nodes_[name].id = ReplicaId{100 + nodes_.size()};
    nodes_.at(name).joins_by = by;
    boot(name);
}

void Cluster::introduce(const std::string& name, const std::string& by) {
    crash(name);
    nodes_.at(name).joins_by = by;
    boot(name);
}

// Nodes dial whom they know.
void Cluster::link(const std::string& name) {
    Node& node = nodes_.at(name);
    const auto contacts = node.contacts;
    for (const auto& other : contacts) {
        if (nodes_.at(other).replica == nullptr || !node.up.insert(other).second) continue;
        step(name, replica::PeerUp{other});
    }
}

void Cluster::crash(const std::string& name) {
    Node& node = nodes_.at(name);
    node.replica.reset();
    for (auto& [other, there] : nodes_) there.up.erase(name);
    node.held.clear();
    node.disk.resize(node.synced);
    std::erase_if(network_, [&](const Message& m) { return m.from == name || m.to == name; });
    for (const auto& [other, there] : nodes_)
        if (there.replica != nullptr) step(other, replica::PeerDown{name});
}

void Cluster::cut(const std::string& a, const std::string& b, bool cut) {
    for (const auto& link : {std::pair(a, b), std::pair(b, a)})
        if (cut)
            cut_.insert(link);
        else
            cut_.erase(link);
}

void Cluster::isolate(const std::string& node, bool cut_it) {
    for (const auto& other : others(node)) cut(node, other, cut_it);
}

void Cluster::stop_disk(const std::string& node, bool stop) {
    nodes_.at(node).disk_stopped = stop;
}

std::vector<std::string> Cluster::others(const std::string& than) const {
    std::vector<std::string> out;
    for (const auto& [name, node] : nodes_)
        if (name != than) out.push_back(name);
    return out;
}

std::string Cluster::primary() const {
    order::Epoch epoch = 0;
    std::string out;
    for (const auto& [name, node] : nodes_) {
        if (node.replica == nullptr) continue;
        const auto status = node.replica->order_status();
        if (!status.may_execute || status.epoch < epoch) continue;
        epoch = status.epoch;
        out = name;
    }
    return out;
}

void Cluster::elect() {
    REQUIRE(run(seconds(20), [&] {
        if (primary().empty()) return false;
        for (const auto& [name, node] : nodes_)
            if (node.replica != nullptr &&
                node.replica->order_status().primary != at(primary()).order_status().self)
                return false;
        return true;
    }));
}

// ---- time ----

bool Cluster::run(Duration limit, const std::function<bool()>& done) {
    for (const Instant end = now_ + limit; now_ < end;) {
        if (done()) return true;
        turn();
    }
    return done();
}

void Cluster::run(Duration time) {
    run(time, [] { return false; });
}

void Cluster::turn() {
    now_ = now_ + millis(1);
    std::deque<Message> due;
    while (!network_.empty() && network_.front().at <= now_) {
        due.push_back(std::move(network_.front()));
        network_.pop_front();
    }
    for (const auto& message : due) {
        if (cut_.contains({message.from, message.to}) || nodes_.at(message.to).replica == nullptr) continue;
        if (!nodes_.at(message.to).contacts.contains(message.from)) continue;
        auto decoded = wire::decode(message.bytes);
        REQUIRE(decoded.has_value());
        step(message.to, replica::FromPeer{message.from, std::move(*decoded)});
    }
    for (auto& [name, node] : nodes_) {
        if (node.replica == nullptr) continue;
        link(name);
        sync(name);
        if (node.replica->next_deadline() <= now_) step(name, replica::Tick{});
    }
}

void Cluster::sync(const std::string& name) {
    Node& node = nodes_.at(name);
    if (node.disk_stopped || node.synced == node.disk.size()) return;
    node.synced = node.disk.size();
    node.hurries = false;
    node.durable = node.disk.back().first;
    step(name, replica::Persisted{node.durable});
    auto held = std::move(node.held);
    node.held.clear();
    for (auto& send : held)
        if (send.after <= node.durable)
            transmit(name, send);
        else
            node.held.push_back(std::move(send));
    for (auto& asked : calls_)
        if (asked.node == name && asked.ticket != 0 && asked.ticket <= node.durable)
            finish(asked, std::exchange(asked.tag, {})), asked.ticket = 0;
}

void Cluster::step(const std::string& name, const replica::Input& input) {
    replica::Outputs out;
    at(name).step(input, now_, out);
    carry(name, out);
}

void Cluster::carry(const std::string& name, replica::Outputs& out) {
    Node& node = nodes_.at(name);
    for (auto& output : out) {
        if (auto* persist = std::get_if<replica::Persist>(&output)) {
            node.disk.emplace_back(persist->ticket, std::move(persist->record));
            node.hurries = node.hurries || persist->when == replica::Persist::When::at_once;
        } else if (std::holds_alternative<replica::Hurry>(output)) {
            node.hurries = true;
        } else if (auto* send = std::get_if<replica::Send>(&output)) {
            if (send->after > node.durable)
                node.held.push_back(std::move(*send));
            else
                transmit(name, *send);
        } else if (auto* reply = std::get_if<replica::Reply>(&output)) {
            for (auto& asked : calls_)
                if (asked.node == name && asked.session == reply->session && asked.number == reply->number)
                    finish(asked, reply->tag);
        } else if (auto* members = std::get_if<replica::Members>(&output)) {
            node.contacts.clear();
            for (const auto& contact : members->contacts)
                if (nodes_.contains(contact.name)) node.contacts.insert(contact.name);
            std::erase_if(node.up, [&](const std::string& peer) { return !node.contacts.contains(peer); });
        } else if (auto* notice = std::get_if<replica::Notice>(&output)) {
            INFO(name << ": " << notice->text);
            REQUIRE(notice->level != replica::Notice::Level::alarm);
            noticed.insert(name + ": " + notice->text);
        }
    }
}

void Cluster::transmit(const std::string& from, const replica::Send& send) {
    if (filter && !filter(from, send.peer, send.message)) return;
    network_.push_back({now_ + millis(1), from, send.peer, wire::encode(send.message)});
}

// ---- admin ----

std::uint64_t Cluster::begin_change(const std::string& node, const std::string& action,
                                    const std::string& member) {
    const std::uint64_t number = ++number_;
    const std::string address = action == "add" || action == "learner" ? "at " + member : "";
    step(node, replica::ChangeRequest{{number, action, member, address}});
    return number;
}

std::string Cluster::change(const std::string& node, const std::string& action, const std::string& member) {
    const std::uint64_t number = begin_change(node, action, member);
    std::optional<Result<std::string>> outcome;
    run(seconds(30), [&] { return (outcome = at(node).change_outcome(number)).has_value(); });
    if (!outcome) return "...";
    return *outcome ? **outcome : "ERROR " + outcome->error().sqlstate + ": " + outcome->error().message;
}

std::string Cluster::role(const std::string& node, const std::string& member) {
    for (const auto& entry : at(node).members())
        if (entry.name == member) return entry.role;
    return "none";
}

// ---- clients ----

Cluster::Call Cluster::open(const std::string& node, std::uint64_t session) {
    Asked asked;
    asked.node = node;
    asked.session = session;
    asked.number = ++number_;
    asked.rows = std::make_shared<Rows>();
    calls_.push_back(std::move(asked));
    step(node, replica::OpenSession{session});
    return calls_.size() - 1;
}

Cluster::Call Cluster::call(const std::string& node, const std::string& text, std::uint64_t session) {
    const Call call = open(node, session);
    Asked& asked = calls_[call];
    auto runnable = at(node).prepare(text, {});
    if (!runnable) {
        finish(asked, std::unexpected(runnable.error()));
        return call;
    }
    asked.rows->columns = (*runnable)->bound->columns;
    asked.rows->labels = &exec::plans_of(*schema_);
    replica::Outputs out;
    auto done = at(node).execute(session, asked.number, *runnable, {}, asked.rows.get(), now_, out);
    take(call, std::move(done));
    carry(node, out);
    return call;
}

Cluster::Call Cluster::commit(const std::string& node, std::uint64_t session) {
    const Call call = open(node, session);
    replica::Outputs out;
    auto done = at(node).commit(session, calls_[call].number, now_, out);
    take(call, std::move(done));
    carry(node, out);
    return call;
}

void Cluster::take(Call call, replica::Execution done) {
    using When = replica::Execution::When;
    Asked& asked = calls_[call];
    if (done.when == When::later) return;
    if (done.when == When::durable && done.tag && done.ticket > nodes_.at(asked.node).durable) {
        asked.ticket = done.ticket;
        asked.tag = *done.tag;
        return;
    }
    finish(asked, done.tag);
}

void Cluster::finish(Asked& asked, const Result<std::string>& tag) {
    REQUIRE_FALSE(asked.answer.has_value());  // one answer each
    asked.answer =
        tag ? *tag + asked.rows->text : "ERROR " + tag.error().sqlstate + ": " + tag.error().message;
}

std::string Cluster::answer(Call call) const {
    return calls_[call].answer.value_or("...");
}

std::string Cluster::ask(const std::string& node, const std::string& text, std::uint64_t session) {
    const Call call = this->call(node, text, session);
    run(seconds(10), [&] { return answered(call); });
    return answer(call);
}

}  // namespace anabranch::test
