#include "confluence/search_space.h"

#include <algorithm>
#include <utility>

#include "confluence/wording.h"
#include "crdt/hlc.h"
#include "lib/base/bytes.h"
#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::confluence {

namespace {

constexpr std::int64_t call_micros = 1000;
constexpr std::int64_t slot_micros = 10;
constexpr std::uint32_t middle_slot = 20;
constexpr std::size_t prefix_calls_max = 6;  // argument lists per transaction when a prefix grows
constexpr std::size_t children_factor = 6;   // states made per state kept

// accounts -> $account, categories -> $category
std::string stem(std::string name) {
    for (char& c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
    if (name.size() > 4 && name.ends_with("ies")) return "$" + name.substr(0, name.size() - 3) + "y";
    if (name.size() > 2 && name.ends_with("s") && !name.ends_with("ss")) name.pop_back();
    return "$" + name;
}

void append(ByteWriter& out, const crdt::CellValue& value) {
    out.u8(static_cast<std::uint8_t>(value.kind));
    out.zigzag(value.integer);
    out.f64(value.floating);
    out.sized(value.bytes);
}

}  // namespace

std::uint64_t content_of(const crdt::Delta& delta) {
    Bytes bytes;
    ByteWriter out(bytes);
    for (const auto& row : delta.rows) {
        out.varint(row.table.value);
        out.sized(row.key);
        out.u8(static_cast<std::uint8_t>((row.remove ? 1 : 0) | (row.add ? 2 : 0) |
                                         (row.claim.seq != 0 ? 4 : 0)));
        for (const auto& group : row.groups) {
            out.varint(group.group + 1);
            for (const auto& value : group.values) append(out, value);
        }
        for (const auto& counter : row.counters) {
            out.varint(counter.column);
            out.u8(static_cast<std::uint8_t>((counter.has_initial ? 1 : 0) | (counter.initial_null ? 2 : 0) |
                                             (counter.has_total ? 4 : 0)));
            out.zigzag(counter.initial);
            out.zigzag(counter.total);
        }
        for (const auto& extreme : row.extremes) {
            out.varint(extreme.column);
            append(out, extreme.value);
        }
        for (const auto& reference : row.references) out.sized(reference.key);
    }
    return hash64(bytes);
}

SearchSpace::SearchSpace(Engine& engine, const SearchArguments& values, const SearchLimits& limits,
                         Search::Counts& counts)
    : engine_(engine), values_(values), limits_(limits), counts_(counts) {}

Result<std::unique_ptr<SearchState>> SearchSpace::start() {
    auto state = std::make_unique<SearchState>(ReplicaOrigin(engine_.schema(), 0));
    state->database = engine_.new_database();
    TRY(const auto* initial, engine_.initial());
    if (initial != nullptr) {
        state->deltas.push_back(std::make_shared<const crdt::Delta>(*initial));
        CHECK(state->database->merge(*initial) == crdt::Database::Merged::applied);
    }
    finish(*state);
    seen_.emplace(state->digests, 0);
    return state;
}

// What the state is recognised by.
void SearchSpace::finish(SearchState& state) const {
    const auto& schema = engine_.schema();
    state.enabled.resize(schema.transactions.size());
    Bytes bytes;
    for (const auto& table : schema.tables) {
        bytes.clear();
        ByteWriter out(bytes);
        state.database->scan(table.id, [&](exec::RowView row) {
            for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
                const sql::Datum value = row.get(c);
                out.u8(value.is_null() ? 0 : 1);
                if (value.is_bytes())
                    out.sized(value.as_bytes());
                else if (value.is_floating())
                    out.f64(value.as_floating());
                else if (!value.is_null())
                    out.zigzag(value.as_integer());
            }
            return true;
        });
        state.digests.push_back(hash64(bytes));
    }
    ++counts_.states;
}

ReplicaOrigin SearchSpace::origin_of(const SearchState& state, const Role& role, const Effect* first) const {
    if (first != nullptr && first->after != nullptr) return *first->after;
    return role.replica == 0 ? state.origin : ReplicaOrigin(engine_.schema(), role.replica);
}

std::optional<Effect> SearchSpace::perform(const crdt::Database& database, ReplicaOrigin& origin,
                                           std::size_t prefix_size, const std::vector<NamedKey>& names,
                                           SearchCall call, const Role& role) {
    ++counts_.calls;
    values_.refresh(call, role.number);
    const auto body = engine_.body_of(call.transaction);
    if (!body) return std::nullopt;
    std::vector<sql::Datum> parameters;
    values_.expand(call, parameters);
    origin.used = false;
    origin.time = {first_moment.micros + call_micros * static_cast<std::int64_t>(prefix_size + 1) +
                   slot_micros * role.slot};
    engine_.begin(database, origin);
    if (!engine_.run(**body, parameters, nullptr)) return std::nullopt;
    const auto writes = engine_.finish();
    if (!writes) return std::nullopt;
    counts_.committed.insert(call.transaction);
    if ((*writes)->empty()) return std::nullopt;
    Effect effect;
    effect.call = std::move(call);
    const ReplicaId id = replica_id(role.replica);
    effect.delta = database.make_delta(**writes, {id, role.seq}, {crdt::HybridClock::from(origin.time), id});
    note_names(**writes, names, role, effect);
    effect.content = content_of(effect.delta);
    if (origin.used) effect.after = std::make_shared<const ReplicaOrigin>(origin);
    return effect;
}

void SearchSpace::note_names(const exec::WriteSet& writes, const std::vector<NamedKey>& names,
                             const Role& role, Effect& effect) {
    const auto& schema = engine_.schema();
    effect.call.names.clear();
    for (const auto& write : writes.rows) {
        if (!write.created || write.row == nullptr) continue;
        const auto& table = schema.table(write.table);
        const auto column = generated_key(table);
        if (!column) continue;
        const exec::RowView row(write.row, &exec::plans_of(schema).table(write.table).layout);
        sql::Datum value = row.get(*column);
        if (value.is_bytes()) value = sql::Datum::bytes(arena_.copy(value.as_bytes()));
        std::string name = stem(table.name);
        if (role.replica > 0) name += "_" + replica_name(role.replica);
        const auto taken = [&](const std::string& candidate) {
            const auto same = [&](const NamedKey& key) { return key.name == candidate; };
            return std::any_of(names.begin(), names.end(), same) ||
                   std::any_of(effect.made.begin(), effect.made.end(), same);
        };
        std::string unique = name;
        for (int number = 2; taken(unique); ++number) unique = name + std::to_string(number);
        effect.call.names.push_back(unique);
        effect.made.push_back({write.table, *column, std::move(unique), table.columns[*column].type, value});
    }
}

std::unique_ptr<crdt::Database> SearchSpace::join(const SearchState& state,
                                                  std::span<const Effect* const> effects) const {
    auto out = engine_.new_database();
    for (const auto& delta : state.deltas) CHECK(out->merge(*delta) == crdt::Database::Merged::applied);
    for (const auto* effect : effects) CHECK(out->merge(effect->delta) == crdt::Database::Merged::applied);
    return out;
}

std::unique_ptr<SearchState> SearchSpace::extend(const SearchState& from, const Effect& effect) {
    auto state = std::make_unique<SearchState>(from.origin);
    state->prefix = from.prefix;
    state->prefix.push_back(effect.call);
    state->deltas = from.deltas;
    state->deltas.push_back(std::make_shared<const crdt::Delta>(effect.delta));
    state->names = from.names;
    state->names.insert(state->names.end(), effect.made.begin(), effect.made.end());
    state->seq = from.seq + 1;
    const Effect* one[] = {&effect};
    state->database = join(from, one);
    finish(*state);
    return state;
}

void SearchSpace::add_child(const SearchState& parent, SearchCall call,
                            std::vector<std::unique_ptr<SearchState>>& out) {
    ReplicaOrigin origin = parent.origin;
    const Role role{0, parent.seq + 1, 0, static_cast<std::uint32_t>(parent.prefix.size())};
    const auto effect =
        perform(*parent.database, origin, parent.prefix.size(), parent.names, std::move(call), role);
    if (!effect) return;
    auto child = extend(parent, *effect);
    child->origin = origin;
    if (seen_.emplace(child->digests, seen_.size()).second) out.push_back(std::move(child));
}

std::vector<std::unique_ptr<SearchState>> SearchSpace::grow(
    std::span<const std::unique_ptr<SearchState>> from, const std::vector<std::uint32_t>& builders,
    const std::vector<std::uint32_t>& interesting) {
    const std::size_t children_max = std::size_t{limits_.states_max} * children_factor;
    std::vector<std::unique_ptr<SearchState>> out;
    // Every parent has its share, and in it every transaction, so that the many forms of one do not crowd out
    // the others.
    const std::size_t share =
        std::max<std::size_t>(builders.size(), children_max / std::max<std::size_t>(1, from.size()));
    for (const auto& parent : from) {
        std::vector<std::vector<std::vector<CallValue>>> lists;
        for (const auto transaction : builders)
            lists.push_back(values_.calls(transaction, *parent->database, parent->names, prefix_calls_max));
        const std::size_t before = out.size();
        for (std::size_t rank = 0; rank < prefix_calls_max; ++rank)
            for (std::size_t b = 0; b < builders.size() && out.size() - before < share; ++b)
                if (rank < lists[b].size()) add_child(*parent, {builders[b], lists[b][rank], {}}, out);
    }
    for (const auto& state : out) rate(*state, interesting);
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a->score > b->score; });
    if (out.size() > limits_.states_max) out.resize(limits_.states_max);
    return out;
}

void SearchSpace::rate(SearchState& state, const std::vector<std::uint32_t>& interesting) {
    for (const auto transaction : interesting) {
        const auto able = static_cast<std::uint32_t>(calls(state, transaction).size());
        state.score += (able > 0 ? 1000 : 0) + std::min<std::uint32_t>(able, 8);
    }
}

const std::vector<SearchCall>& SearchSpace::calls(SearchState& state, std::uint32_t transaction) {
    auto& enabled = state.enabled[transaction];
    if (enabled.known) return enabled.calls;
    enabled.known = true;
    auto& effects = enabled.effects[{0, middle_slot}];
    const auto size = state.prefix.size();
    for (const auto& list : values_.calls(transaction, *state.database, state.names, limits_.calls_max)) {
        ReplicaOrigin origin = state.origin;
        const Role role{0, state.seq + 1, middle_slot, 20};
        auto effect = perform(*state.database, origin, size, state.names, {transaction, list, {}}, role);
        if (!effect) continue;
        const bool seen = std::any_of(effects.begin(), effects.end(), [&](const auto& known) {
            return known->delta.rows == effect->delta.rows;
        });
        if (seen) continue;
        enabled.calls.push_back(effect->call);
        effects.push_back(std::move(effect));
    }
    return enabled.calls;
}

const Effect* SearchSpace::effect(SearchState& state, std::uint32_t transaction, std::size_t index,
                                  std::uint32_t replica, std::uint32_t slot) {
    const auto& list = calls(state, transaction);
    auto& effects = state.enabled[transaction].effects[{replica, slot}];
    if (effects.empty()) {
        for (const auto& call : list) {
            const Role role{replica, replica == 0 ? state.seq + 1 : 1, slot, 20 + 10 * replica};
            ReplicaOrigin origin = origin_of(state, role);
            effects.push_back(perform(*state.database, origin, state.prefix.size(), state.names, call, role));
        }
    }
    return effects[index] ? &*effects[index] : nullptr;
}

std::vector<Effect> SearchSpace::followers(SearchState& state, const Effect& first, const Role& role,
                                           const std::vector<std::uint32_t>& transactions) {
    const Effect* one[] = {&first};
    const auto database = join(state, one);
    auto names = state.names;
    names.insert(names.end(), first.made.begin(), first.made.end());
    std::vector<Effect> out;
    for (const auto transaction : transactions) {
        calls(state, transaction);
        for (const auto& list : values_.calls(transaction, *database, names, limits_.calls_max)) {
            ReplicaOrigin origin = origin_of(state, role, &first);
            auto effect =
                perform(*database, origin, state.prefix.size(), names, {transaction, list, {}}, role);
            if (!effect) continue;
            const auto& alone = state.enabled[transaction].effects[{0, middle_slot}];
            const bool same = std::any_of(alone.begin(), alone.end(), [&](const auto& known) {
                return known && known->content == effect->content;
            });
            if (!same) out.push_back(std::move(*effect));
        }
    }
    return out;
}

std::optional<Effect> SearchSpace::follow(SearchState& state, const Effect& first, const Role& role,
                                          const SearchCall& call) {
    const Effect* one[] = {&first};
    const auto database = join(state, one);
    auto names = state.names;
    names.insert(names.end(), first.made.begin(), first.made.end());
    ReplicaOrigin origin = origin_of(state, role, &first);
    return perform(*database, origin, state.prefix.size(), names, call, role);
}

}  // namespace anabranch::confluence
