// Values of a model as SQL literals.
#pragma once

#include <string>

#include "confluence/smt/term.h"

namespace anabranch::confluence::smt {

// Empty when the type has no readable literal for the model's value.
std::string literal_of(const z3::model& model, const Val& value, sql::Type type, const Constants& constants);

}  // namespace anabranch::confluence::smt
