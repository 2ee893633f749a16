#include "confluence/variant.h"

#include "lib/catalog/finish.h"

namespace anabranch::confluence {

std::shared_ptr<catalog::Schema> copy_of(const catalog::Schema& schema) {
    return std::make_shared<catalog::Schema>(schema);
}

catalog::SchemaPtr changed_by(const catalog::Schema& schema,
                              const std::function<void(catalog::Schema&)>& change) {
    auto changed = copy_of(schema);
    change(*changed);
    infer_again(*changed);
    return changed;
}

void list_again(catalog::Schema& schema) {
    std::vector<catalog::Invariant> assertions;
    for (catalog::Invariant& invariant : schema.invariants)
        if (invariant.kind == catalog::InvariantKind::assertion) assertions.push_back(std::move(invariant));
    schema.invariants.clear();
    const catalog::Reporter reporter({{std::make_shared<const sql::Source>(schema.file, schema.text), 0}});
    catalog::list_invariants(schema, std::move(assertions), reporter);
}

void infer_again(catalog::Schema& schema) {
    for (catalog::Table& table : schema.tables) {
        table.group_count = 0;
        for (catalog::Column& column : table.columns) {
            if (!column.policy.declared) column.policy = {};
        }
    }
    catalog::Reporter reporter({{std::make_shared<const sql::Source>(schema.file, schema.text), 0}});
    catalog::infer_policies(schema, reporter);
}

}  // namespace anabranch::confluence
