#include "lib/catalog/bind_truncate.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anabranch::catalog {

namespace {

namespace ast = sql::ast;

bool refers(const Table& child, const Table& parent) {
    return std::any_of(child.foreign_keys.begin(), child.foreign_keys.end(),
                       [&](const ForeignKey& key) { return key.parent == parent.id; });
}

bool contains(const std::vector<const Table*>& tables, const Table& table) {
    return std::find(tables.begin(), tables.end(), &table) != tables.end();
}

// With CASCADE the tables grow by those that refer to them.
Result<void> add_referrers(const Schema& schema, bool cascade, std::vector<const Table*>& tables, Span at) {
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (const Table& child : schema.tables) {
            if (!refers(child, *tables[i]) || contains(tables, child)) continue;
            if (!cascade)
                return fail(
                    Error::make(sqlstate::feature_not_supported,
                                "cannot truncate a table referenced in a foreign key constraint")
                        .with_detail("Table \"" + child.name + "\" references \"" + tables[i]->name + "\".")
                        .with_hint("Truncate table \"" + child.name +
                                   "\" at the same time, or use TRUNCATE ... CASCADE.")
                        .with_span(at));
            tables.push_back(&child);
        }
    return {};
}

// One to which none of the others refers; where they refer to each other in a ring, any.
const Table* take_next(std::vector<const Table*>& tables) {
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table* table) {
        return std::none_of(tables.begin(), tables.end(),
                            [&](const Table* other) { return other != table && refers(*other, *table); });
    });
    const auto next = found == tables.end() ? tables.begin() : found;
    const Table* out = *next;
    tables.erase(next);
    return out;
}

Result<void> refuse_view(const Schema& schema, const ast::QualifiedName& name) {
    for (const View& view : schema.views)
        if (view.name == name.name && (name.schema.empty() || view.schema == name.schema))
            return fail(Error::make("42809", "\"" + view.name + "\" is not a table").with_span(name.span));
    return {};
}

ast::Delete delete_all(ast::QualifiedName name) {
    ast::Delete out;
    out.table.span = name.span;
    out.table.name = std::move(name);
    return out;
}

}  // namespace

Result<ast::Statement> deletes_of(const Schema& schema, const ast::Truncate& truncate, Span at) {
    std::vector<const Table*> tables;
    ast::Statement out;
    out.span = at;
    for (const ast::QualifiedName& name : truncate.tables) {
        const Table* table = schema.find_table(name.schema, name.name);
        if (table == nullptr) {
            TRY_VOID(refuse_view(schema, name));
            // DELETE says what is wrong with it
            out.node = delete_all(name);
            return out;
        }
        if (!contains(tables, *table)) tables.push_back(table);
    }
    TRY_VOID(add_referrers(schema, truncate.cascade, tables, at));
    ast::With with;
    for (;;) {
        const Table* table = take_next(tables);
        ast::QualifiedName name;
        name.span = at;
        name.schema = table->schema;
        name.name = table->name;
        ast::Delete rows = delete_all(std::move(name));
        if (tables.empty()) {
            rows.with = std::move(with);
            out.node = std::move(rows);
            return out;
        }
        ast::Statement before;
        before.span = at;
        before.node = std::move(rows);
        ast::CommonTable part;
        part.span = at;
        part.name = "truncated " + std::to_string(with.tables.size() + 1);
        part.statement = std::move(before);
        with.tables.push_back(std::move(part));
    }
}

}  // namespace anabranch::catalog
