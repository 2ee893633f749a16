// Keys for people.
#pragma once

#include <string>

#include "crdt/database.h"

namespace anabranch::replica {

// "(id)=(7)"; the bytes in hexadecimal where the row is gone.
std::string key_text(const crdt::Database& database, TableId table, const std::string& key);

}  // namespace anabranch::replica
