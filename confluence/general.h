// A statement with parameters in the place of its constants: what is proved of it holds for every statement
// of that form, so that drivers which write values into the text do not cause a proof for each of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct GeneralStatement {
    std::string text;
    std::vector<sql::Type> parameter_types;
    bool decides = false;  // the statement itself is too long to be proved
};

// `INSERT INTO t VALUES (1, 'a'), (2, 'b')` becomes an INSERT of any number of rows, constants that `UPDATE`
// and `DELETE` assign or compare become parameters. Nothing when that cannot be done or changes nothing.
std::optional<GeneralStatement> general_form(const catalog::Schema& schema, const std::string& statement,
                                             const std::vector<sql::Type>& parameter_types);

}  // namespace anabranch::confluence
