// A generated schema of the size of real ones: tables with keys, NOT NULLs, CHECKs, unique indexes and
// foreign keys in the proportions found in public PostgreSQL schemas, and no procedures. The same number of
// tables gives the same text everywhere.
#pragma once

#include <cstdint>
#include <string>

namespace anabranch::tools {

struct LargeSchema {
    std::string text;
    std::uint32_t tables = 0, checks = 0, foreign_keys = 0;
};
LargeSchema large_schema(std::uint32_t tables);

}  // namespace anabranch::tools
