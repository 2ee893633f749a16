#include <algorithm>

#include "confluence/engine.h"
#include "confluence/history.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

constexpr std::size_t rows_max = 20;  // printed per table

// What a replica shows of a table, one row a line; nothing for an empty table.
std::vector<std::string> rows_of(const Engine& engine, const catalog::Table& table,
                                 const crdt::Database& state) {
    std::vector<std::string> out;
    std::size_t more = 0;
    state.scan(table.id, [&](exec::RowView row) {
        if (out.size() == rows_max) {
            ++more;
            return true;
        }
        std::string text;
        for (std::uint32_t c = 0; c < table.columns.size(); ++c)
            if (!table.columns[c].hidden)
                text += (text.empty() ? "" : ", ") + table.columns[c].name + "=" +
                        engine.shown_text(table.columns[c].type, row.get(c));
        out.push_back(table.display() + "(" + shorten_keys(text) + ")");
        return true;
    });
    if (more > 0) out.push_back("... and " + std::to_string(more) + " more rows of " + table.display());
    return out;
}

std::vector<std::string> holdings(const Engine& engine, const crdt::Database& state) {
    std::vector<std::string> out;
    for (const auto& table : engine.schema().tables) {
        auto rows = rows_of(engine, table, state);
        std::move(rows.begin(), rows.end(), std::back_inserter(out));
    }
    if (out.empty()) out.emplace_back("no rows");
    return out;
}

// One paragraph per group of replicas that hold the same.
std::string final_rows(const Engine& engine, const World& world, std::uint32_t replicas) {
    std::string out;
    std::vector<bool> told(replicas);
    for (std::uint32_t i = 0; i < replicas; ++i) {
        if (told[i]) continue;
        const auto rows = holdings(engine, world.state(i));
        std::vector<std::string> names;
        for (std::uint32_t j = i; j < replicas; ++j)
            if (!told[j] && holdings(engine, world.state(j)) == rows) {
                told[j] = true;
                names.push_back(replica_name(j));
            }
        out += join_and(names) + (names.size() == 1 ? " holds:\n" : " hold:\n");
        for (const auto& row : rows) out += "  " + row + "\n";
    }
    return out;
}

bool came_true(const catalog::Schema& schema, const Replayed& replayed, const std::string& name) {
    for (const auto& violations : replayed.violations)
        for (const auto& violation : violations)
            if (schema.invariants[violation.invariant].name == name) return true;
    return std::any_of(replayed.lost.begin(), replayed.lost.end(),
                       [&](const Lost& lost) { return lost.invariant == name; });
}

}  // namespace

Result<PrintedReplay> replay_text(const catalog::SchemaPtr& schema, const ParsedScenario& scenario,
                                  std::size_t width) {
    Engine engine(schema);
    TRY(const auto replayed, replay(engine, scenario.history));
    World world(engine, scenario.history.replicas, true);
    TRY_VOID(world.start());
    for (const auto& step : scenario.history.steps) world.apply(step);
    PrintedReplay out;
    for (const auto& line : tell(*schema, scenario.history, replayed, width)) out.text += line + "\n";
    out.text += "\n" + final_rows(engine, world, scenario.history.replicas);
    if (!scenario.expected.empty()) out.text += "\n";
    for (const auto& name : scenario.expected) {
        const bool known =
            std::any_of(schema->invariants.begin(), schema->invariants.end(),
                        [&](const catalog::Invariant& invariant) { return invariant.name == name; });
        const bool met = came_true(*schema, replayed, name);
        out.met = out.met && met;
        out.text +=
            std::string(met ? "expectation met: " : "expectation not met: ") + name +
            (is_lost_update(name) ? (met ? " is lost" : " is not lost") : (met ? " is violated" : " holds")) +
            (known || met ? "" : "; the schema has no such invariant") + "\n";
    }
    return out;
}

}  // namespace anabranch::confluence
