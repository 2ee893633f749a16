#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

// As the scenario names it from here, or beside the scenario.
std::string find_schema(const std::string& scenario, const std::string& named) {
    const auto beside = std::filesystem::path(scenario).parent_path() / named;
    return !std::filesystem::exists(named) && std::filesystem::exists(beside) ? beside.string() : named;
}

// True when the scenario ran and what it expects came true.
bool replay_file(const std::string& file, const std::string& schema_override) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return explain(Error::make(sqlstate::io_error, "cannot read scenario " + file)) == 0;
    const auto scenario = confluence::from_scenario(file, {std::istreambuf_iterator<char>(in), {}});
    if (!scenario) return explain(scenario.error()) == 0;
    const std::string named =
        schema_override.empty() ? find_schema(file, scenario->schema_file) : schema_override;
    if (named.empty())
        return explain(Error::make("22023", "scenario " + file + " names no schema")
                           .with_hint("Add a line `schema FILE`, or use --schema FILE.")) == 0;
    const auto schema = load_schema({named}, true);
    if (schema == nullptr) return false;
    const auto printed = confluence::replay_text(schema, *scenario);
    if (!printed) return explain(printed.error()) == 0;
    std::fputs(printed->text.c_str(), stdout);
    return printed->met;
}

}  // namespace

int replay(const ReplayArguments& arguments) {
    bool all = true;
    for (const auto& file : arguments.files) all = replay_file(file, arguments.schema) && all;
    return all ? 0 : 1;
}

}  // namespace anabranch::tools
