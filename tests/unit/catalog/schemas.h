// Schemas from text, for the tests of the catalog.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/catalog/load.h"

namespace anabranch::test {

inline catalog::Loaded load_text(const std::string& text) {
    const catalog::ScriptFile file{"test.sql", text};
    return catalog::load({&file, 1});
}

inline catalog::SchemaPtr schema_of(const std::string& text) {
    catalog::Loaded loaded = load_text(text);
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    return loaded.schema;
}

// "23505 message" of each error.
inline std::vector<std::string> errors_of(const std::string& text) {
    std::vector<std::string> out;
    for (const Error& e : load_text(text).errors) out.push_back(e.sqlstate + " " + e.message);
    return out;
}

inline std::vector<std::string> invariants_of(const catalog::Schema& schema) {
    std::vector<std::string> out;
    for (const catalog::Invariant& i : schema.invariants) out.push_back(i.name);
    return out;
}

inline const catalog::Column& column_of(const catalog::Schema& schema, const std::string& table,
                                        const std::string& column) {
    const catalog::Table* t = schema.find_table("", table);
    REQUIRE(t != nullptr);
    const auto id = t->find(column);
    REQUIRE(id.has_value());
    return t->columns[id->value];
}

}  // namespace anabranch::test
