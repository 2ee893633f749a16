// The SQL front end on any bytes: as statements of a client, and as a schema file. Whatever parses must print
// as something that parses.
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.h"
#include "lib/catalog/bind_text.h"
#include "lib/catalog/load.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"

using namespace anabranch;

namespace {

constexpr const char* schema_text = R"(
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN money AS bigint CHECK (VALUE > 0);
CREATE TABLE t (
    id bigint PRIMARY KEY, name text UNIQUE, n numeric(10, 2) CHECK (n >= 0), m mood, a integer[], j jsonb,
    r tstzrange
);
CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent bigint REFERENCES t, at date);
CREATE PROCEDURE put(id bigint, amount money)
BEGIN ATOMIC
    INSERT INTO t (id, n) VALUES (id, amount) ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n;
END;
)";

catalog::SchemaPtr load(std::string text) {
    const catalog::ScriptFile file{"fuzz.sql", std::move(text)};
    return catalog::load({&file, 1}, {}).schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const catalog::SchemaPtr schema = load(schema_text);
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto statements = sql::parse_statements(text))
        for (const auto& statement : *statements) {
            const std::string printed = sql::print(statement);
            // What was just below a limit may print as what is just above it.
            const auto again = sql::parse_statements(printed);
            CHECK_NOTE(again || again.error().sqlstate.starts_with("54"), printed);
        }
    (void)catalog::bind_text(*schema, text);
    (void)load(text);
    return 0;
}
