#include "confluence/smt/invariant.h"

#include <algorithm>
#include <variant>

#include "confluence/walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

// Tables that a query joins in its FROM, derived tables included: the rows of one violation.
void joined_tables(const Query& query, std::map<TableId, std::uint32_t>& out) {
    for (const Cte& cte : query.ctes) {
        if (const auto* body = std::get_if<QueryPtr>(&cte.statement->body)) joined_tables(**body, out);
    }
    for (const Rel& rel : query.rels) {
        if (const auto* table = std::get_if<TableRel>(&rel.source)) ++out[table->table];
        if (const auto* derived = std::get_if<DerivedRel>(&rel.source)) joined_tables(*derived->query, out);
    }
    if (query.left) joined_tables(*query.left, out);
    if (query.right) joined_tables(*query.right, out);
}

// SELECT FROM parent WHERE parent.key = the outer row's columns.
QueryPtr parent_query(const catalog::Schema& schema, TableId child, const catalog::ForeignKey& fk) {
    auto query = std::make_shared<Query>();
    Rel rel;
    rel.alias = "parent";
    rel.source = TableRel{fk.parent};
    query->rels.push_back(rel);
    query->from.push_back(FromItem{0, nullptr});
    std::vector<ExprPtr> parts;
    for (std::size_t i = 0; i < fk.columns.size(); ++i) {
        const Type parent_type = schema.table(fk.parent).columns[fk.parent_columns[i].value].type;
        const Type child_type = schema.table(child).columns[fk.columns[i].value].type;
        auto left =
            std::make_shared<Expr>(Expr{parent_type, {}, ColumnRef{0, 0, fk.parent_columns[i].value}});
        auto right = std::make_shared<Expr>(Expr{child_type, {}, ColumnRef{1, 0, fk.columns[i].value}});
        parts.push_back(
            std::make_shared<Expr>(Expr{Type{TypeId::bool_}, {}, sql::Call{Func::eq, {left, right}}}));
    }
    query->where = parts.size() == 1
                       ? parts[0]
                       : std::make_shared<Expr>(Expr{Type{TypeId::bool_}, {}, Logic{LogicOp::and_, parts}});
    return query;
}

}  // namespace

std::map<TableId, std::uint32_t> rows_of_violation(const catalog::Schema& schema,
                                                   const catalog::Invariant& invariant) {
    std::map<TableId, std::uint32_t> out;
    switch (invariant.kind) {
        case catalog::InvariantKind::not_null:
        case catalog::InvariantKind::check:
        case catalog::InvariantKind::lost_update:
        case catalog::InvariantKind::foreign_key:
            out[invariant.table] = 1;
            break;
        case catalog::InvariantKind::primary_key:
            if (schema.table(invariant.table).identity == catalog::RowIdentity::per_key) break;
            out[invariant.table] = 2;
            break;
        case catalog::InvariantKind::unique:
        case catalog::InvariantKind::exclude:
            out[invariant.table] = 2;
            break;
        case catalog::InvariantKind::assertion:
            joined_tables(*std::get<catalog::AssertionInvariant>(invariant.what).violations, out);
            break;
    }
    return out;
}

Val InvariantEncoder::value_over_row(const Expr& e, TableId table, std::uint32_t slot) {
    Env env;
    env.rows.push_back(evaluator_.stored_row(table, slot));
    return evaluator_.expression(e, env);
}

z3::expr InvariantEncoder::over_row(const ExprPtr& e, TableId table, std::uint32_t slot) {
    return e ? value_over_row(*e, table, slot).value : universe_.terms().yes();
}

z3::expr InvariantEncoder::check(TableId table, const ExprPtr& condition, const State& state) {
    Terms& t = universe_.terms();
    std::vector<z3::expr> ways;
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        const z3::expr visible = universe_.visible(state, table, s);
        if (visible.is_false()) continue;
        ways.push_back(t.and_(visible, t.is_false(value_over_row(*condition, table, s))));
    }
    return t.or_(ways);
}

z3::expr InvariantEncoder::not_null(TableId table, std::uint32_t column, const State& state) {
    Terms& t = universe_.terms();
    std::vector<z3::expr> ways;
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        const z3::expr visible = universe_.visible(state, table, s);
        if (!visible.is_false()) ways.push_back(t.and_(visible, universe_.row(state, table, s)[column].null));
    }
    return t.or_(ways);
}

z3::expr InvariantEncoder::key(TableId table, std::uint32_t index, const State& state) {
    Terms& t = universe_.terms();
    const catalog::UniqueKey& key = universe_.schema().table(table).keys[index];
    const bool merged = universe_.shape(table).per_key;
    std::vector<z3::expr> ways;
    if (merged && index == 0) {
        for (std::uint32_t s = 0; s < universe_.slots(table); ++s)
            ways.push_back(state.tables[table.value][s].duplicate);
        return t.or_(ways);
    }
    struct Part {
        z3::expr present;
        std::vector<Val> values;
    };
    std::vector<Part> rows;
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        Part part{universe_.visible(state, table, s), {}};
        if (part.present.is_false()) continue;
        part.present = t.and_(part.present, over_row(key.predicate, table, s));
        for (ColumnId c : key.columns) part.values.push_back(universe_.row(state, table, s)[c.value]);
        for (const ExprPtr& e : key.expressions) part.values.push_back(value_over_row(*e, table, s));
        rows.push_back(std::move(part));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = i + 1; j < rows.size(); ++j) {
            std::vector<z3::expr> all{rows[i].present, rows[j].present};
            for (std::size_t k = 0; k < rows[i].values.size(); ++k) {
                all.push_back(key.nulls_not_distinct ? t.same(rows[i].values[k], rows[j].values[k])
                                                     : t.equal_values(rows[i].values[k], rows[j].values[k]));
            }
            ways.push_back(t.and_(all));
        }
    }
    return t.or_(ways);
}

z3::expr InvariantEncoder::foreign_key(TableId table, std::uint32_t index, const State& state) {
    Terms& t = universe_.terms();
    const catalog::ForeignKey& fk = universe_.schema().table(table).foreign_keys[index];
    QueryPtr& parent = parents_[{table.value, index}];
    if (!parent) parent = parent_query(universe_.schema(), table, fk);
    std::vector<z3::expr> ways;
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        const z3::expr visible = universe_.visible(state, table, s);
        if (visible.is_false()) continue;
        const auto& row = universe_.row(state, table, s);
        std::vector<z3::expr> present{visible};
        std::vector<z3::expr> nulls;
        for (ColumnId c : fk.columns) {
            present.push_back(t.not_(row[c.value].null));
            nulls.push_back(row[c.value].null);
        }
        const z3::expr given = t.and_(present);
        if (!given.is_false()) {
            Env env;
            env.rows.push_back(evaluator_.stored_row(table, s));
            ways.push_back(t.and_(given, t.not_(evaluator_.exists(*parent, &env))));
        }
        if (fk.match_full && fk.columns.size() > 1) {
            std::vector<z3::expr> values;
            for (const z3::expr& null : nulls) values.push_back(t.not_(null));
            ways.push_back(t.and_({visible, t.or_(nulls), t.or_(values)}));
        }
    }
    return t.or_(ways);
}

z3::expr InvariantEncoder::exclusion(TableId table, std::uint32_t index, const State& state) {
    Terms& t = universe_.terms();
    const catalog::Exclusion& exclusion = universe_.schema().table(table).exclusions[index];
    std::vector<z3::expr> ways;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        if (!universe_.visible(state, table, s).is_false()) rows.push_back(s);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = i + 1; j < rows.size(); ++j) {
            std::vector<z3::expr> all{
                universe_.visible(state, table, rows[i]), universe_.visible(state, table, rows[j]),
                over_row(exclusion.predicate, table, rows[i]), over_row(exclusion.predicate, table, rows[j])};
            for (const auto& part : exclusion.parts) {
                all.push_back(evaluator_
                                  .operate(part.compare, value_over_row(*part.expression, table, rows[i]),
                                           value_over_row(*part.expression, table, rows[j]))
                                  .value);
            }
            ways.push_back(t.and_(all));
        }
    }
    return t.or_(ways);
}

std::optional<Violated> InvariantEncoder::violated(const catalog::Invariant& invariant, const State& state) {
    evaluator_.state = &state;
    evaluator_.opaque = false;
    struct Visit {
        InvariantEncoder& self;
        const catalog::Invariant& invariant;
        const State& state;
        using Out = std::optional<z3::expr>;
        Out operator()(const catalog::NotNullInvariant& i) {
            return self.not_null(invariant.table, i.column.value, state);
        }
        Out operator()(const catalog::CheckInvariant& i) {
            return self.check(invariant.table,
                              self.universe_.schema().table(invariant.table).checks[i.index].condition,
                              state);
        }
        Out operator()(const catalog::KeyInvariant& i) { return self.key(invariant.table, i.index, state); }
        Out operator()(const catalog::ForeignKeyInvariant& i) {
            return self.foreign_key(invariant.table, i.index, state);
        }
        Out operator()(const catalog::ExcludeInvariant& i) {
            return self.exclusion(invariant.table, i.index, state);
        }
        Out operator()(const catalog::AssertionInvariant& i) {
            std::vector<z3::expr> ways;
            for (const auto& tuple : self.evaluator_.tuples(*i.violations, nullptr))
                ways.push_back(tuple.present);
            return self.universe_.terms().or_(ways);
        }
        Out operator()(const catalog::LostUpdateInvariant&) { return std::nullopt; }
    };
    const auto holds = std::visit(Visit{*this, invariant, state}, invariant.what);
    if (!holds) return std::nullopt;
    return Violated{*holds, evaluator_.opaque};
}

z3::expr InvariantEncoder::violated(const Bound& bound, const State& state) {
    Terms& t = universe_.terms();
    const catalog::Column& column = universe_.schema().table(bound.table).columns[bound.column];
    std::vector<z3::expr> ways;
    for (std::uint32_t s = 0; s < universe_.slots(bound.table); ++s) {
        const z3::expr visible = universe_.visible(state, bound.table, s);
        if (visible.is_false()) continue;
        const Val& v = universe_.row(state, bound.table, s)[bound.column];
        z3::expr bad = t.no();
        switch (bound.op) {
            case Bound::Op::at_least:
                bad = t.and_(t.not_(v.null),
                             v.value < t.to_kind(t.integer(bound.bound), Kind::integer, v.kind));
                break;
            case Bound::Op::at_most:
                bad = t.and_(t.not_(v.null),
                             v.value > t.to_kind(t.integer(bound.bound), Kind::integer, v.kind));
                break;
            case Bound::Op::one_of: {
                std::vector<z3::expr> equal;
                for (const sql::Const& c : bound.values)
                    equal.push_back(t.equal_values(v, t.constant(c, column.type)));
                bad = t.and_(t.not_(v.null), t.not_(t.or_(equal)));
                break;
            }
        }
        ways.push_back(t.and_(visible, bad));
    }
    return t.or_(ways);
}

}  // namespace anabranch::confluence::smt
