// The rows that a schema file inserts itself, as far as they are constants: the base case of inductions.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct InitialTable {
    bool exact = true;                                         // every row and every value below is known
    std::vector<std::vector<std::optional<sql::Const>>> rows;  // per column; nothing: not a constant
};
std::map<TableId, InitialTable> initial_rows(const catalog::Schema& schema);

}  // namespace anabranch::confluence
