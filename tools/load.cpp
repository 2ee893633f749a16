#include "tools/load.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "confluence/general.h"
#include "lib/sql/value.h"

namespace anabranch::tools {

catalog::SchemaPtr load_schema(const std::vector<std::string>& files, bool assume_transactions,
                               const std::vector<catalog::ScriptFile>& behind) {
    std::vector<catalog::ScriptFile> scripts;
    for (const auto& file : files) {
        if (file == "-") {
            scripts.push_back({"-", {std::istreambuf_iterator<char>(std::cin), {}}});
            continue;
        }
        std::error_code ignored;
        std::ifstream in(file, std::ios::binary);
        if (!in || std::filesystem::is_directory(file, ignored)) {
            std::fprintf(stderr, "anabranch: cannot read schema file %s: %s\n", file.c_str(),
                         std::filesystem::is_directory(file, ignored) ? "it is a directory"
                         : std::filesystem::exists(file, ignored)     ? "no permission"
                                                                      : "no such file");
            return nullptr;
        }
        scripts.push_back({file, {std::istreambuf_iterator<char>(in), {}}});
    }
    scripts.insert(scripts.end(), behind.begin(), behind.end());
    auto loaded = catalog::load(scripts, {assume_transactions});
    if (loaded.schema == nullptr) {
        std::fputs(loaded.rendered_errors.c_str(), stderr);
        std::fprintf(stderr, "anabranch: %zu error%s in the schema\n", loaded.errors.size(),
                     loaded.errors.size() == 1 ? "" : "s");
    }
    return loaded.schema;
}

std::string example_file(const std::string& program, const std::string& name) {
    const auto folder = std::filesystem::path(program).parent_path();
    for (const auto& place : {folder / "../tools/examples", folder / "../share/anabranch/examples"}) {
        const auto file = place / (name + ".sql");
        if (std::filesystem::exists(file)) return std::filesystem::weakly_canonical(file).string();
    }
    return "tools/examples/" + name + ".sql";
}

int explain(const Error& error) {
    std::string text = "anabranch: ";
    if (!error.place.file.empty()) text += error.place.describe() + ": ";
    text += error.message + "\n";
    if (!error.detail.empty()) text += "  " + error.detail + "\n";
    if (!error.hint.empty()) text += "  " + error.hint + "\n";
    std::fputs(text.c_str(), stderr);
    return 1;
}

std::int64_t monotonic_micros() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

bool is_terminal(int descriptor) {
    return ::isatty(descriptor) == 1;
}

Result<catalog::Route> Analyst::route_of(const std::string& statement,
                                         std::span<const sql::Type> parameter_types) {
    const std::vector<sql::Type> types(parameter_types.begin(), parameter_types.end());
    if (const auto general = confluence::general_form(*router_.report().schema, statement, types)) {
        std::string key = general->text;
        for (const auto type : general->parameter_types) key += '\0' + std::to_string(sql::oid_of(type));
        if (known_.size() >= known_max) known_.clear();
        auto found = known_.find(key);
        if (found == known_.end())
            found = known_.emplace(key, router_.route_of(general->text, general->parameter_types)).first;
        // What is refused in general may still hold for these constants.
        if (found->second || general->decides) return found->second;
    }
    return router_.route_of(statement, types);
}

}  // namespace anabranch::tools
