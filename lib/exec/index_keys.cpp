#include "lib/exec/index_keys.h"

#include "lib/exec/key_reader.h"

namespace anabranch::exec {

class IndexKeys::Impl {
  public:
    explicit Impl(catalog::SchemaPtr s)
        : schema(std::move(s)), plans(plans_of(*schema)), context(arena), keys(plans, context) {
        context.labels = &plans;
    }
    catalog::SchemaPtr schema;
    const SchemaPlans& plans;
    Arena arena;
    sql::EvalContext context;
    KeyReader keys;
};

IndexKeys::IndexKeys(catalog::SchemaPtr schema) : impl_(std::make_unique<Impl>(std::move(schema))) {}
IndexKeys::~IndexKeys() = default;

bool IndexKeys::append(TableId table, IndexId index, RowView row, std::string& out) const {
    const bool in = impl_->keys.append(impl_->plans.table(table).indexes[index.value], row, out);
    if (impl_->context.failed) impl_->context.take_error();
    impl_->arena.reset();
    return in;
}

}  // namespace anabranch::exec
