// CREATE TABLE, CREATE INDEX, and the columns and constraints that ALTER TABLE shares with them.
#include <algorithm>

#include "lib/base/overload.h"
#include "lib/catalog/draft.h"
#include "lib/sql/builtin.h"

namespace anabranch::catalog {

namespace {

bool is_nextval(const ast::Expr& e) {
    const auto* c = std::get_if<ast::FunctionCall>(&e.node);
    return c != nullptr && c->name.name == "nextval";
}

void set_default(DraftColumn& column, const ast::Expr& value) {
    if (is_nextval(value)) {  // a sequence of its own, as pg_dump writes serial
        column.identity = Identity::by_default;
        column.serial = true;
        column.default_value.reset();
    } else {
        column.default_value = value;
    }
}

// The key columns of a constraint on `column` (a column constraint names none).
std::vector<std::string> key_columns(const std::vector<std::string>& written, const std::string& column) {
    return written.empty() && !column.empty() ? std::vector{column} : written;
}

bool known_columns(const std::vector<std::string>& columns, const DraftTable& table, Span at,
                   Reporter& reporter) {
    for (const std::string& c : columns) {
        if (table.find(c) != nullptr) continue;
        std::vector<std::string> names;
        for (const DraftColumn& own : table.columns) names.push_back(own.name);
        Error error =
            Error::make(sqlstate::undefined_column, "column \"" + c + "\" named in key does not exist")
                .with_span(at);
        if (const std::string close = sql::closest_name(c, names); !close.empty())
            error.hint = "Perhaps you meant \"" + close + "\".";
        reporter.error(std::move(error));
        return false;
    }
    return true;
}

void claim_constraint(Draft& draft, const DraftTable& table, const std::string& name, Span at,
                      Reporter& reporter) {
    const bool taken = std::any_of(table.constraints.begin(), table.constraints.end(),
                                   [&](const auto& c) { return c.name == name; });
    if (taken)
        reporter.error(Error::make(sqlstate::duplicate_object, "constraint \"" + name + "\" for relation \"" +
                                                                   table.name + "\" already exists")
                           .with_span(at));
    draft.constraint_names.insert({table.schema, name});
}

void claim_relation(Draft& draft, const std::string& schema, const std::string& name, Span at,
                    Reporter& reporter) {
    if (!draft.relation_names.insert({schema, name}).second)
        reporter.error(
            Error::make(sqlstate::duplicate_table, "relation \"" + name + "\" already exists").with_span(at));
}

void claim_sequence(Draft& draft, const DraftTable& table, const std::string& column) {
    draft.relation_names.insert({table.schema, choose_index_name(draft, table, column, "seq", false)});
}

// Constraints in the order PostgreSQL makes them: checks, then keys (the primary one first), then exclusions
// with them, then foreign keys.
int making_order(const ast::Constraint& c) {
    return std::visit(
        Overload{[](const ast::Check&) { return 0; }, [](const ast::Key& k) { return k.primary ? 1 : 2; },
                 [](const ast::Exclude&) { return 2; }, [](const ast::ForeignKey&) { return 3; },
                 [](const auto&) { return 0; }},
        c.node);
}

// Column constraints about keys become table constraints that name the column.
ast::Constraint for_column(ast::Constraint c, const std::string& column) {
    std::visit(
        Overload{[&](ast::Key& k) { k.columns = key_columns(k.columns, column); },
                 [&](ast::ForeignKey& f) { f.columns = key_columns(f.columns, column); }, [](auto&) {}},
        c.node);
    return c;
}

void read_column_constraint(const ast::Constraint& c, DraftColumn& column, DraftTable& table, Draft& draft,
                            std::vector<ast::Constraint>& later) {
    std::visit(Overload{[&](const ast::NotNull&) { column.not_null = true; }, [](const ast::Nullable&) {},
                        [&](const ast::Default& d) { set_default(column, d.value); },
                        [&](const ast::Identity& i) {
                            column.identity = i.always ? Identity::always : Identity::by_default;
                            column.not_null = true;
                            claim_sequence(draft, table, column.name);
                        },
                        [&](const ast::Generated& g) { column.generated = g.value; },
                        [&](const auto&) { later.push_back(for_column(c, column.name)); }},
               c.node);
}

void like_table(const ast::LikeTable& like, DraftTable& table, Draft& draft, Reporter& reporter,
                std::vector<ast::Constraint>& later) {
    constexpr std::uint32_t constraints = 4, defaults = 8, generated = 16, identity = 32, indexes = 64;
    const DraftTable* source = draft.find_table(like.table);
    if (source == nullptr)
        return reporter.error(Error::make(sqlstate::undefined_table,
                                          "relation \"" + like.table.describe() + "\" does not exist")
                                  .with_span(like.span));
    for (DraftColumn c : source->columns) {
        if ((like.options & defaults) == 0) c.default_value.reset();
        if ((like.options & generated) == 0) c.generated.reset();
        if ((like.options & identity) == 0 && !c.serial) c.identity = Identity::none;
        c.span = like.span;
        table.columns.push_back(std::move(c));
    }
    for (const DraftConstraint& c : source->constraints) {
        ast::Constraint copy;
        copy.span = like.span;
        if (const auto* check = std::get_if<ast::Check>(&c.node);
            check != nullptr && (like.options & constraints) != 0) {
            copy.name = c.name;
            copy.node = *check;
            later.push_back(std::move(copy));
        } else if (const auto* key = std::get_if<ast::Key>(&c.node);
                   key != nullptr && (like.options & indexes) != 0) {
            copy.node = *key;
            later.push_back(std::move(copy));
        }
    }
}

void inherit(const ast::CreateTable& create, DraftTable& table, Draft& draft, Reporter& reporter,
             std::vector<ast::Constraint>& later) {
    for (const ast::QualifiedName& parent : create.inherits) {
        reporter.warn(parent.span, "INHERITS is not modelled: " + table.name +
                                       " gets the columns and checks of " + parent.describe() +
                                       ", but its rows are not rows of " + parent.describe());
        const DraftTable* source = draft.find_table(parent);
        if (source == nullptr) continue;
        for (const DraftColumn& c : source->columns)
            if (table.find(c.name) == nullptr) table.columns.push_back(c);
        for (const DraftConstraint& c : source->constraints)
            if (const auto* check = std::get_if<ast::Check>(&c.node);
                check != nullptr && !check->no_inherit) {
                ast::Constraint copy;
                copy.name = c.name;
                copy.node = *check;
                copy.span = c.span;
                later.push_back(std::move(copy));
            }
    }
}

// What is left out, with its warning; true when the table is not to be made.
bool skipped(const ast::CreateTable& create, Span at, Draft& draft, Reporter& reporter) {
    const std::string& name = create.name.name;
    if (create.temporary) {
        reporter.warn(at, "the temporary table " + name + " is skipped: it belongs to one session");
        return true;
    }
    if (!create.partition_of.name.empty()) {
        draft.partitions.insert({draft.target_schema(create.name), name});
        if (!create.constraints.empty() || !create.columns.empty())
            reporter.warn(at, "the partition " + name + " is part of " + create.partition_of.describe() +
                                  ": its own constraints are not checked");
        return true;
    }
    if (!create.of_type.name.empty()) {
        reporter.warn(at, "CREATE TABLE " + name + " OF a type is not modelled: the table is left out");
        return true;
    }
    return false;
}

}  // namespace

void add_column(const ast::ColumnDef& def, DraftTable& table, Draft& draft, Reporter& reporter,
                std::vector<ast::Constraint>& later) {
    if (table.find(def.name) != nullptr)
        return reporter.error(
            Error::make("42701", "column \"" + def.name + "\" specified more than once").with_span(def.span));
    DraftColumn column;
    column.name = def.name;
    column.span = def.span;
    if (const auto serial = sql::serial_type(def.type.name.name); serial && def.type.name.schema.empty()) {
        column.type.type = *serial;
        column.serial = true;
        column.identity = Identity::by_default;
        column.not_null = true;
        claim_sequence(draft, table, def.name);
    } else {
        Result<DraftType> type = draft.resolve_type(def.type, reporter);
        if (!type) return reporter.error(std::move(type.error()));
        column.type = *type;
    }
    for (const ast::Constraint& c : def.constraints) read_column_constraint(c, column, table, draft, later);
    table.columns.push_back(std::move(column));
}

void add_constraint(const ast::Constraint& c, DraftTable& table, Draft& draft, Reporter& reporter) {
    DraftConstraint out{c.name, ast::Check{}, c.deferrable, c.initially_deferred, c.not_valid, c.span};
    if (c.not_valid)
        reporter.warn(c.span,
                      "NOT VALID is taken as valid: rows that broke the constraint before it was made are "
                      "not looked for");
    if (const auto* check = std::get_if<ast::Check>(&c.node)) {
        const std::vector<std::string> columns = columns_in(check->condition, table);
        if (out.name.empty())
            out.name = choose_constraint_name(draft, table, columns.size() == 1 ? columns[0] : "", "check");
        out.node = *check;
    } else if (const auto* key = std::get_if<ast::Key>(&c.node)) {
        ast::Key k = *key;
        if (!k.using_index.empty()) {  // the index becomes the constraint
            const auto index = std::find_if(table.constraints.begin(), table.constraints.end(),
                                            [&](const auto& x) { return x.name == k.using_index; });
            if (index == table.constraints.end() || !std::holds_alternative<ast::CreateIndex>(index->node))
                return reporter.error(
                    Error::make(sqlstate::undefined_object, "index \"" + k.using_index + "\" does not exist")
                        .with_span(c.span));
            for (const ast::IndexElement& e : std::get<ast::CreateIndex>(index->node).elements)
                k.columns.push_back(e.column);
            if (out.name.empty()) out.name = k.using_index;
            draft.relation_names.erase({table.schema, k.using_index});
            table.constraints.erase(index);
        }
        if (!known_columns(k.columns, table, c.span, reporter)) return;
        if (k.primary && table.primary_key() != nullptr)
            return reporter.error(
                Error::make("42P16", "multiple primary keys for table \"" + table.name + "\" are not allowed")
                    .with_span(c.span));
        if (k.primary)
            for (const std::string& name : k.columns) table.find(name)->not_null = true;
        if (out.name.empty())
            out.name = k.primary ? choose_index_name(draft, table, "", "pkey", true)
                                 : choose_index_name(draft, table, joined(k.columns), "key", true);
        claim_relation(draft, table.schema, out.name, c.span, reporter);
        out.node = std::move(k);
    } else if (const auto* fk = std::get_if<ast::ForeignKey>(&c.node)) {
        if (!known_columns(fk->columns, table, c.span, reporter)) return;
        if (out.name.empty()) out.name = choose_constraint_name(draft, table, joined(fk->columns), "fkey");
        out.node = *fk;
    } else if (const auto* exclude = std::get_if<ast::Exclude>(&c.node)) {
        std::vector<std::string> names;
        for (const ast::ExcludeElement& e : exclude->elements)
            names.push_back(e.element.column.empty() ? "expr" : e.element.column);
        if (out.name.empty()) out.name = choose_index_name(draft, table, joined(names), "excl", true);
        claim_relation(draft, table.schema, out.name, c.span, reporter);
        out.node = *exclude;
    } else {
        return;
    }
    claim_constraint(draft, table, out.name, c.span, reporter);
    table.constraints.push_back(std::move(out));
}

void create_table(const ast::CreateTable& create, Span at, Draft& draft, Reporter& reporter) {
    if (skipped(create, at, draft, reporter)) return;
    DraftTable table;
    table.schema = draft.target_schema(create.name);
    table.name = create.name.name;
    table.path = draft.path;
    table.span = create.name.span.known ? create.name.span : at;
    if (draft.relation_names.contains({table.schema, table.name})) {
        if (!create.if_not_exists)
            reporter.error(
                Error::make(sqlstate::duplicate_table, "relation \"" + table.name + "\" already exists")
                    .with_span(table.span));
        return;
    }
    draft.relation_names.insert({table.schema, table.name});
    if (create.unlogged)
        reporter.warn(at, "UNLOGGED is ignored: " + table.name + " is as durable as any table");
    std::vector<ast::Constraint> constraints;
    inherit(create, table, draft, reporter, constraints);
    for (const ast::LikeTable& like : create.like) like_table(like, table, draft, reporter, constraints);
    for (const ast::ColumnDef& c : create.columns) add_column(c, table, draft, reporter, constraints);
    constraints.insert(constraints.end(), create.constraints.begin(), create.constraints.end());
    // Column constraints come with their columns, table constraints where they stand: PostgreSQL keeps the
    // order of the text within a kind.
    std::stable_sort(constraints.begin(), constraints.end(), [](const auto& a, const auto& b) {
        const int x = making_order(a), y = making_order(b);
        return x != y ? x < y : a.span.offset < b.span.offset;
    });
    for (const ast::Constraint& c : constraints) add_constraint(c, table, draft, reporter);
    draft.tables.push_back(std::move(table));
}

void create_index(const ast::CreateIndex& index, Span at, Draft& draft, Reporter& reporter) {
    DraftTable* table = draft.find_table(index.table);
    if (table == nullptr) {
        if (draft.partitions.contains({draft.target_schema(index.table), index.table.name})) return;
        for (const DraftObject& o : draft.objects)
            if (!o.dropped && o.name == index.table.name) return;
        reporter.warn(
            at, "CREATE INDEX on " + index.table.describe() + ", which is not a known table, is skipped");
        return;
    }
    ast::CreateIndex copy = index;
    for (const ast::IndexElement& e : copy.elements)
        if (!e.column.empty() && !known_columns({e.column}, *table, at, reporter)) return;
    if (copy.name.empty()) {
        std::vector<std::string> names;
        for (const ast::IndexElement& e : copy.elements) names.push_back(index_column_name(e));
        copy.name = choose_index_name(draft, *table, joined(names), "idx", false);
    }
    if (!draft.relation_names.insert({table->schema, copy.name}).second) {
        if (!index.if_not_exists)
            reporter.error(
                Error::make(sqlstate::duplicate_table, "relation \"" + copy.name + "\" already exists")
                    .with_span(at));
        return;
    }
    if (!copy.unique) {
        table->indexes.push_back(std::move(copy));
        return;
    }
    const std::string name = copy.name;
    table->constraints.push_back({name, std::move(copy), false, false, false, at});
}

}  // namespace anabranch::catalog
