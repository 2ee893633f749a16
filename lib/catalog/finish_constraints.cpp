// Keys, indexes, checks, foreign keys and exclusions.
#include <algorithm>

#include "lib/catalog/finish.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/builtin.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

OnDelete action_of(ast::ReferenceAction action) {
    switch (action) {
        case ast::ReferenceAction::NoAction:
            return OnDelete::no_action;
        case ast::ReferenceAction::Restrict:
            return OnDelete::restrict_;
        case ast::ReferenceAction::Cascade:
            return OnDelete::cascade;
        case ast::ReferenceAction::SetNull:
            return OnDelete::set_null;
        case ast::ReferenceAction::SetDefault:
            return OnDelete::set_default;
    }
    return OnDelete::no_action;
}

IndexText::Part index_part(const ast::IndexElement& e, const Table& t) {
    IndexText::Part out;
    out.name = index_column_name(e);
    if (const auto id = t.find(e.column)) {
        out.text = sql::quote_identifier(e.column);
        out.type = t.columns[id->value].type;
    } else if (e.expr) {
        const std::string text = sql::print(*e.expr);
        out.text = std::holds_alternative<ast::FunctionCall>(e.expr->node) ? text : "(" + text + ")";
    }
    out.descending = e.direction == ast::SortDirection::Descending;
    out.nulls_first =
        e.nulls == ast::NullsOrder::Default ? out.descending : e.nulls == ast::NullsOrder::First;
    return out;
}

// `expressions`, where there are any: one per part.
IndexText index_text(const ast::CreateIndex& i, const Table& t,
                     const std::vector<sql::ExprPtr>& expressions) {
    IndexText out;
    for (const ast::IndexElement& e : i.elements) {
        out.parts.push_back(index_part(e, t));
        if (!expressions.empty()) out.parts.back().type = expressions[out.parts.size() - 1]->type;
    }
    if (i.where) out.predicate = sql::print(*i.where);
    return out;
}

sql::ExprPtr row_column(ColumnId id, const Table& t, Span at) {
    return std::make_shared<const sql::Expr>(
        sql::Expr{t.columns[id.value].type, at, sql::ColumnRef{0, 0, id.value}});
}

}  // namespace

void Finisher::keys(const DraftTable& d, Table& t, sql::Relation& r) {
    for (const DraftConstraint& c : d.constraints) {
        if (const auto* key = std::get_if<ast::Key>(&c.node); key != nullptr && !key->primary) {
            UniqueKey out;
            out.name = c.name;
            out.columns = ids(key->columns, t);
            out.nulls_not_distinct = key->nulls_not_distinct;
            out.deferrable = c.deferrable;
            out.initially_deferred = c.initially_deferred;
            out.span = c.span;
            r.keys.push_back({out.name, out.columns, nullptr, {}});
            t.keys.push_back(std::move(out));
        } else if (const auto* index = std::get_if<ast::CreateIndex>(&c.node)) {
            unique_index(*index, c, d, t, r);
        }
    }
}

void Finisher::unique_index(const ast::CreateIndex& i, const DraftConstraint& c, const DraftTable& d,
                            Table& t, sql::Relation& r) {
    UniqueKey out;
    out.name = c.name;
    out.nulls_not_distinct = i.nulls_not_distinct;
    out.span = c.span;
    const std::string what = "the unique index " + c.name, lost = "its uniqueness is not checked";
    sql::BindContext bind = context(d.path);
    const bool plain =
        std::all_of(i.elements.begin(), i.elements.end(), [](const auto& e) { return !e.expr; });
    for (const ast::IndexElement& e : i.elements) {
        const auto id = e.column.empty() ? std::nullopt : t.find(e.column);
        if (plain && id) {
            out.columns.push_back(*id);
            continue;
        }
        if (id) {
            out.expressions.push_back(row_column(*id, t, c.span));
            continue;
        }
        if (!e.expr) continue;
        Result<sql::ExprPtr> value =
            sql::bind_row_expression(*e.expr, r, sql::RowUse::index_expression, {}, bind);
        if (!value) return warn_or_fail(std::move(value.error()), what, lost);
        out.expressions.push_back(std::move(*value));
    }
    if (i.where) {
        Result<sql::ExprPtr> value =
            sql::bind_row_expression(*i.where, r, sql::RowUse::index_predicate, {}, bind);
        if (!value) return warn_or_fail(std::move(value.error()), what, lost);
        out.predicate = std::move(*value);
    }
    out.index = index_text(i, t, out.expressions);
    r.keys.push_back({out.name, out.columns, out.predicate, out.expressions});
    t.keys.push_back(std::move(out));
}

void Finisher::indexes(const DraftTable& d, Table& t) {
    for (const ast::CreateIndex& i : d.indexes) {
        SecondaryIndex out;
        out.name = i.name;
        const bool plain =
            std::all_of(i.elements.begin(), i.elements.end(), [](const auto& e) { return !e.expr; });
        if (!plain || (i.method != "btree" && i.method != "hash" && !i.method.empty()))
            continue;  // only speed is lost
        for (const ast::IndexElement& e : i.elements)
            if (const auto id = t.find(e.column)) out.columns.push_back(*id);
        if (i.where) {
            sql::BindContext bind = context(d.path);
            Result<sql::ExprPtr> value = sql::bind_row_expression(*i.where, *names_->mutable_table(t.id),
                                                                  sql::RowUse::index_predicate, {}, bind);
            if (!value) continue;
            out.predicate = std::move(*value);
        }
        out.text = index_text(i, t, {});
        t.indexes.push_back(std::move(out));
    }
}

void Finisher::checks(const DraftTable& d, Table& t) {
    for (const DraftConstraint& c : d.constraints) {
        const auto* check = std::get_if<ast::Check>(&c.node);
        if (check == nullptr) continue;
        sql::BindContext bind = context(d.path);
        bind.uninterpreted = true;
        Result<sql::ExprPtr> condition = sql::bind_row_expression(
            check->condition, *names_->mutable_table(t.id), sql::RowUse::check, {}, bind);
        if (!condition) {
            warn_or_fail(std::move(condition.error()), "the constraint " + c.name + " of " + t.display(),
                         "it is not checked");
            continue;
        }
        take_warnings(bind);
        CheckConstraint out;
        out.name = c.name;
        out.columns = columns_read(*condition);
        out.condition = std::move(*condition);
        out.text = "CHECK (" + sql::print(check->condition) + ")";
        out.span = c.span;
        t.checks.push_back(std::move(out));
    }
}

// A column's domain speaks of each row, like a CHECK of the column.
void Finisher::domain_constraints(Table& t) {
    for (std::uint32_t i = 0; i < t.columns.size(); ++i) {
        const Column& column = t.columns[i];
        if (!column.domain) continue;
        for (const sql::Domain::Check& check : column.domain->checks) {
            CheckConstraint out;
            out.name = check.name + "(" + t.display() + "." + column.name + ")";
            const sql::ExprPtr value = row_column({i}, t, column.span);
            out.condition = sql::rewrite(check.condition, [&](const sql::ExprPtr& e, std::uint32_t) {
                return std::holds_alternative<sql::DomainValue>(e->node) ? value : nullptr;
            });
            out.columns = {{i}};
            out.text = "CHECK (" + check.text + ") of domain " + column.domain->name + " on " + column.name;
            out.span = column.span;
            t.checks.push_back(std::move(out));
        }
    }
}

void Finisher::foreign_keys(const DraftTable& d, Table& t) {
    for (const DraftConstraint& c : d.constraints)
        if (const auto* f = std::get_if<ast::ForeignKey>(&c.node)) foreign_key(*f, c, t);
}

bool Finisher::parent_key(const ast::ForeignKey& f, const Table& parent, Span at, ForeignKey& out) {
    if (f.referenced.empty()) {
        if (parent.hidden_key()) {
            reporter_.error(
                Error::make("42704", "there is no primary key for referenced table \"" + parent.name + "\"")
                    .with_span(at));
            return false;
        }
        out.parent_columns = parent.keys[0].columns;
    } else {
        for (const std::string& name : f.referenced) {
            const auto id = parent.find(name);
            if (!id) {
                reporter_.error(
                    Error::make(sqlstate::undefined_column,
                                "column \"" + name + "\" referenced in foreign key constraint does not exist")
                        .with_span(at));
                return false;
            }
            out.parent_columns.push_back(*id);
        }
    }
    std::vector<ColumnId> wanted = out.parent_columns;
    std::sort(wanted.begin(), wanted.end());
    for (std::uint32_t k = 0; k < parent.keys.size(); ++k) {
        if (parent.keys[k].predicate || !parent.keys[k].expressions.empty()) continue;
        std::vector<ColumnId> own = parent.keys[k].columns;
        std::sort(own.begin(), own.end());
        if (own != wanted) continue;
        out.parent_key = k;
        return true;
    }
    reporter_.error(
        Error::make("42830", "there is no unique constraint matching given keys for referenced table \"" +
                                 parent.name + "\"")
            .with_span(at));
    return false;
}

void Finisher::foreign_key(const ast::ForeignKey& f, const DraftConstraint& c, Table& t) {
    const DraftTable* draft = draft_.find_table(f.table);
    const Table* parent = nullptr;
    for (const Table& other : schema_->tables)
        if (draft != nullptr && other.schema == draft->schema && other.name == draft->name) parent = &other;
    if (parent == nullptr) {
        if (draft_.partitions.contains({draft_.target_schema(f.table), f.table.name}))
            return reporter_.warn(c.span,
                                  "the foreign key " + c.name + " refers to a partition: it is not checked");
        return reporter_.error(
            Error::make(sqlstate::undefined_table, "relation \"" + f.table.describe() + "\" does not exist")
                .with_span(f.table.span.known ? f.table.span : c.span));
    }
    ForeignKey out;
    out.name = c.name;
    out.columns = ids(f.columns, t);
    out.parent = parent->id;
    out.on_delete = action_of(f.on_delete);
    out.on_update = action_of(f.on_update);
    out.match_full = f.match == ast::ReferenceMatch::Full;
    out.deferrable = c.deferrable;
    out.initially_deferred = c.initially_deferred;
    out.span = c.span;
    if (!parent_key(f, *parent, c.span, out)) return;
    if (out.columns.size() != out.parent_columns.size())
        return reporter_.error(
            Error::make("42830", "number of referencing and referenced columns for foreign key disagree")
                .with_span(c.span));
    for (std::size_t i = 0; i < out.columns.size(); ++i) {
        const sql::Type own = t.columns[out.columns[i].value].type,
                        theirs = parent->columns[out.parent_columns[i].value].type;
        if (sql::resolve_operator("=", theirs, own).match == sql::Match::found) continue;
        return reporter_.error(Error::make(sqlstate::datatype_mismatch,
                                           "foreign key constraint \"" + c.name + "\" cannot be implemented")
                                   .with_detail("Key columns \"" + t.columns[out.columns[i].value].name +
                                                "\" and \"" +
                                                parent->columns[out.parent_columns[i].value].name +
                                                "\" are of incompatible types.")
                                   .with_span(c.span));
    }
    if (out.on_delete == OnDelete::set_null || out.on_delete == OnDelete::set_default)
        out.set_columns = f.set_columns.empty() ? out.columns : ids(f.set_columns, t);
    constexpr std::uint32_t nulled_columns_max = 64;
    for (const ColumnId column : out.set_columns)
        if (column.value >= nulled_columns_max)
            return reporter_.error(
                Error::make(sqlstate::feature_not_supported,
                            "ON DELETE SET NULL on a column beyond the 64th is not supported")
                    .with_span(c.span)
                    .with_hint("Move the column \"" + t.columns[column.value].name +
                               "\" to the front of the table."));
    t.foreign_keys.push_back(std::move(out));
}

void Finisher::exclusions(const DraftTable& d, Table& t) {
    for (const DraftConstraint& c : d.constraints)
        if (const auto* e = std::get_if<ast::Exclude>(&c.node)) exclusion(*e, c, d, t);
}

void Finisher::exclusion(const ast::Exclude& e, const DraftConstraint& c, const DraftTable& d, Table& t) {
    Exclusion out;
    out.name = c.name;
    out.deferrable = c.deferrable;
    out.initially_deferred = c.initially_deferred;
    out.span = c.span;
    const std::string what = "the exclusion " + c.name, lost = "it is not checked";
    sql::BindContext bind = context(d.path);
    const sql::Relation& r = *names_->mutable_table(t.id);
    std::set<ColumnId> columns;
    const auto read = [&](const sql::ExprPtr& value) {
        for (const ColumnId id : columns_read(value)) columns.insert(id);
    };
    for (const ast::ExcludeElement& part : e.elements) {
        Exclusion::Part p;
        if (part.element.expr) {
            Result<sql::ExprPtr> value =
                sql::bind_row_expression(*part.element.expr, r, sql::RowUse::index_expression, {}, bind);
            if (!value) return warn_or_fail(std::move(value.error()), what, lost);
            p.expression = std::move(*value);
        } else if (const auto id = t.find(part.element.column)) {
            p.expression = row_column(*id, t, part.element.span);
        } else {
            return reporter_.error(
                Error::make(sqlstate::undefined_column,
                            "column \"" + part.element.column + "\" named in key does not exist")
                    .with_span(c.span));
        }
        Result<sql::Func> compare = sql::bind_exclusion_operator(part.op, p.expression->type);
        if (!compare) return warn_or_fail(std::move(compare.error()).with_span(c.span), what, lost);
        p.compare = *compare;
        read(p.expression);
        out.index.parts.push_back(index_part(part.element, t));
        out.index.parts.back().type = p.expression->type;
        out.parts.push_back(std::move(p));
    }
    if (e.where) {
        Result<sql::ExprPtr> value =
            sql::bind_row_expression(*e.where, r, sql::RowUse::index_predicate, {}, bind);
        if (!value) return warn_or_fail(std::move(value.error()), what, lost);
        out.predicate = std::move(*value);
        out.index.predicate = sql::print(*e.where);
        read(out.predicate);
    }
    out.columns.assign(columns.begin(), columns.end());
    ast::Constraint written;
    written.node = e;
    out.text = sql::print(written);
    t.exclusions.push_back(std::move(out));
}

}  // namespace anabranch::catalog
