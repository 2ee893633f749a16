// A schema with something changed, for questions of the form "and if it were so": repairs, and statements
// that nobody declared.
#pragma once

#include <functional>
#include <memory>

#include "lib/catalog/schema.h"

namespace anabranch::confluence {

// A copy without what executors and replicas derived from the original.
std::shared_ptr<catalog::Schema> copy_of(const catalog::Schema& schema);
// Infers column policies and row identities again, after a change of statements or columns.
void infer_again(catalog::Schema& schema);
// Lists the invariants again: an added transaction brings columns of which no update may be lost.
void list_again(catalog::Schema& schema);
// A copy with a change, and what is inferred from it.
catalog::SchemaPtr changed_by(const catalog::Schema& schema,
                              const std::function<void(catalog::Schema&)>& change);

}  // namespace anabranch::confluence
