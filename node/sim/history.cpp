#include "node/sim/history.h"

#include <algorithm>
#include <charconv>

namespace anabranch::sim {

namespace {

constexpr std::string_view free_call = "CALL simulator.simulator_free(";
constexpr std::string_view ordered_call = "CALL simulator.simulator_ordered(";

std::uint64_t number_behind(std::string_view text, std::string_view prefix) {
    std::uint64_t out = 0;
    if (text.starts_with(prefix))
        std::from_chars(text.data() + prefix.size(), text.data() + text.size(), out);
    return out;
}

std::string name(std::uint64_t call, bool ordered) {
    return (ordered ? "ordered call " : "free call ") + std::to_string(call);
}

}  // namespace

catalog::ScriptFile history_tables() {
    return {"the simulator's own tables", R"(
CREATE SCHEMA simulator;
CREATE TABLE simulator.free_calls (call bigint PRIMARY KEY, times bigint NOT NULL);
CREATE TABLE simulator.ordered_calls (
    call     bigint PRIMARY KEY,
    times    bigint NOT NULL,
    position bigint NOT NULL UNIQUE
);
CREATE PROCEDURE simulator.simulator_free(this_call bigint)
BEGIN ATOMIC
    INSERT INTO simulator.free_calls AS f (call, times) VALUES (this_call, 1)
        ON CONFLICT (call) DO UPDATE SET times = f.times + 1;
END;
CREATE PROCEDURE simulator.simulator_ordered(this_call bigint)
BEGIN ATOMIC
    INSERT INTO simulator.ordered_calls AS o (call, times, position)
        VALUES (this_call, 1, (SELECT count(*) + 1 FROM simulator.ordered_calls))
        ON CONFLICT (call) DO UPDATE SET times = o.times + 1;
END;
)"};
}

History::History(const catalog::Schema& schema) {
    for (const auto& table : schema.tables) {
        if (table.display() == "simulator.free_calls") free_ = table.id;
        if (table.display() == "simulator.ordered_calls") ordered_ = table.id;
    }
}

std::string History::next(Random& random) {
    return std::string(random.chance(0.5) ? free_call : ordered_call) + std::to_string(next_) + ")";
}

std::string History::next_block(Random& random) {
    std::string out;
    for (std::uint64_t i = 0, calls = random.between(1, 3) > 1 ? 2 : 1; i < calls; ++i)
        out += (i == 0 ? "" : "; ") + std::string(ordered_call) + std::to_string(next_ + i) + ")";
    return out;
}

std::uint64_t History::invoked(const std::string& text, Instant now, std::uint64_t thread) {
    if (!active()) return 0;
    const std::uint64_t ordered = number_behind(text, ordered_call);
    const std::uint64_t id = ordered != 0 ? ordered : number_behind(text, free_call);
    if (id == 0) return 0;
    next_ = std::max(next_, id + 1);
    Call& call = calls_[id];
    call.ordered = ordered != 0;
    if (call.attempts++ == 0) call.invoked = now, call.thread = thread;
    return id;
}

void History::reserve(const std::string& text) {
    const std::string last = text.substr(text.rfind("; ") == std::string::npos ? 0 : text.rfind("; ") + 2);
    next_ = std::max({next_, number_behind(last, free_call) + 1, number_behind(last, ordered_call) + 1});
}

bool History::shown(std::uint64_t call, const crdt::Database& state) const {
    bool found = false;
    state.scan(*free_, [&](exec::RowView row) {
        found = static_cast<std::uint64_t>(row.get(0).as_integer()) == call;
        return !found;
    });
    return found;
}

void History::answered(std::uint64_t id, Fate fate, Instant now) {
    if (id == 0) return;
    Call& call = calls_.at(id);
    if (call.fate == Fate::done && fate != Fate::excused) return;
    if (fate == Fate::done || fate == Fate::early) call.answered = now;
    call.fate = fate;
}

std::string History::check_prefix(const crdt::Database& state) {
    if (!active()) return {};
    std::string problem;
    std::size_t rows = 0;
    std::uint64_t last = 0;
    state.scan(*ordered_, [&](exec::RowView row) {
        const auto call = static_cast<std::uint64_t>(row.get(0).as_integer());
        const auto position = static_cast<std::uint64_t>(row.get(2).as_integer());
        ++rows;
        last = std::max(last, position);
        if (sequence_.size() < position) sequence_.resize(position, 0);
        auto& known = sequence_[position - 1];
        if (known == 0) known = call;
        if (known != call)
            problem = "ordered calls " + std::to_string(known) + " and " + std::to_string(call) +
                      " have both been number " + std::to_string(position);
        return problem.empty();
    });
    if (problem.empty() && rows != last)
        problem = "of the ordered calls up to number " + std::to_string(last) + " only " +
                  std::to_string(rows) + " are visible";
    return problem;
}

std::string History::check_end(const crdt::Database& state) const {
    if (!active()) return {};
    std::map<std::uint64_t, std::int64_t> times;
    for (const TableId table : {*free_, *ordered_})
        state.scan(table, [&](exec::RowView row) {
            times[static_cast<std::uint64_t>(row.get(0).as_integer())] += row.get(1).as_integer();
            return true;
        });
    for (const auto& [id, n] : times) {
        const auto call = calls_.find(id);
        if (call == calls_.end()) return "nobody made call " + std::to_string(id);
        const std::string what = name(id, call->second.ordered);
        if (n != 1) return what + " was executed " + std::to_string(n) + " times";
        if (call->second.fate == Fate::refused) return what + " was refused and has been executed";
    }
    for (const auto& [id, call] : calls_)
        if (call.fate == Fate::done && !times.contains(id))
            return "acknowledged write lost: " + name(id, call.ordered);
    if (auto problem = check_blocks(times); !problem.empty()) return problem;
    return check_threads(times);
}

std::string History::check_blocks(const std::map<std::uint64_t, std::int64_t>& times) const {
    for (const auto& block : blocks_)
        for (const std::uint64_t id : block)
            if (times.contains(id) != times.contains(block.front()))
                return "of one block " + name(id, true) + " and " + name(block.front(), true) +
                       " have not the same fate";
    return {};
}

// Call numbers ascend with time.
std::string History::check_threads(const std::map<std::uint64_t, std::int64_t>& times) const {
    std::map<std::uint64_t, std::uint64_t> missing;  // the first of each thread
    for (const auto& [id, call] : calls_) {
        if (call.attempts > 1 || call.fate == Fate::excused) continue;
        if (call.fate == Fate::early && !times.contains(id)) missing.try_emplace(call.thread, id);
        const auto lost = missing.find(call.thread);
        if (lost != missing.end() && times.contains(id))
            return name(id, call.ordered) + " is there, and " + name(lost->second, true) +
                   " is not, which was answered before in the same session";
    }
    return {};
}

// In the order of positions, whoever was answered before an earlier one was made is out of place.
std::string History::check_real_time() const {
    const Call* latest = nullptr;
    std::uint64_t latest_id = 0;
    for (const std::uint64_t id : sequence_) {
        const auto found = calls_.find(id);
        if (found == calls_.end()) continue;
        const Call& call = found->second;
        const bool answered = call.fate == Fate::done || call.fate == Fate::early;
        if (answered && latest != nullptr && call.answered < latest->invoked)
            return "not linearizable: " + name(id, true) + " was answered before " + name(latest_id, true) +
                   " was made, and comes after it";
        if (latest == nullptr || latest->invoked < call.invoked) latest = &call, latest_id = id;
    }
    return {};
}

}  // namespace anabranch::sim
