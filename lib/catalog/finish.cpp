#include "lib/catalog/finish.h"

#include "lib/sql/bind_walk.h"
#include "lib/sql/builtin.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

Finisher::Finisher(Draft& draft, Reporter& reporter) : draft_(draft), reporter_(reporter) {
    schema_->names_ = names_;
}

sql::BindContext Finisher::context(const std::vector<std::string>& path) const {
    sql::BindContext out(*names_);
    out.path = path;
    return out;
}

void Finisher::warn_or_fail(Error error, const std::string& what, const std::string& lost) {
    if (error.sqlstate == sqlstate::feature_not_supported || error.sqlstate == sqlstate::undefined_function ||
        draft_.renamed)
        reporter_.warn(error.span, what + " is not modelled (" + error.message + "): " + lost);
    else
        reporter_.error(std::move(error));
}

void Finisher::take_warnings(const sql::BindContext& context) {
    for (const sql::BindWarning& w : context.warnings) reporter_.warn(w.span, w.message);
}

std::vector<ColumnId> Finisher::ids(const std::vector<std::string>& names, const Table& t) const {
    std::vector<ColumnId> out;
    for (const std::string& name : names)
        if (const auto id = t.find(name)) out.push_back(*id);
    return out;
}

std::vector<ColumnId> Finisher::columns_read(const sql::ExprPtr& e) {
    std::set<ColumnId> out;
    sql::walk(e, [&](const sql::ExprPtr& part, std::uint32_t) {
        if (const auto* ref = std::get_if<sql::ColumnRef>(&part->node)) out.insert({ref->column});
        return true;
    });
    return {out.begin(), out.end()};
}

std::shared_ptr<Schema> Finisher::finish() {
    types();
    tables();
    for (std::size_t i = 0; i < drafts_.size(); ++i) expressions(*drafts_[i], schema_->tables[i]);
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
        Table& t = schema_->tables[i];
        keys(*drafts_[i], t, *names_->mutable_table(t.id));
        indexes(*drafts_[i], t);
    }
    objects();
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
        checks(*drafts_[i], schema_->tables[i]);
        domain_constraints(schema_->tables[i]);
        foreign_keys(*drafts_[i], schema_->tables[i]);
        exclusions(*drafts_[i], schema_->tables[i]);
    }
    inserts();
    schema_->pragmas = draft_.pragmas;
    if (reporter_.errors().empty()) infer_policies(*schema_, reporter_);
    if (reporter_.errors().empty()) list_invariants(*schema_, std::move(assertions_), reporter_);
    schema_->warnings = reporter_.warnings();
    return schema_;
}

// ---- tables ----

void Finisher::tables() {
    for (const DraftTable& d : draft_.tables)
        if (!d.dropped) table(d);
}

std::string Finisher::merge_domain(const DraftType& type) const {
    for (std::optional<std::size_t> d = type.domain; d; d = draft_.domains[*d].base.domain)
        if (draft_.domains[*d].schema == "merge") return draft_.domains[*d].name;
    return {};
}

void Finisher::declare_merge(const DraftColumn& c, Column& column) {
    const std::string word = merge_domain(c.type);
    if (word.empty() || word == "fresh") return;
    column.policy.declared = true;
    if (word == "counter")
        column.policy.merge = Merge::counter;
    else if (word == "max")
        column.policy.merge = Merge::max;
    else if (word == "min")
        column.policy.merge = Merge::min;
    else if (word == "lww" || word == "register")
        column.policy.merge = Merge::register_;
    else
        reporter_.error(Error::make(sqlstate::undefined_object, "merge." + word + " is not a merge policy")
                            .with_span(c.span)
                            .with_hint("There are merge.counter, merge.max, merge.min, merge.lww and, for "
                                       "parameters, merge.fresh."));
}

Column Finisher::make_column(const DraftColumn& c) {
    Column out;
    out.name = c.name;
    out.type = c.type.type;
    if (c.type.domain) out.domain = domains_[*c.type.domain];
    out.not_null = c.not_null || c.identity == Identity::always || (out.domain && out.domain->not_null);
    out.identity = c.identity;
    out.span = c.span;
    declare_merge(c, out);
    return out;
}

void Finisher::table(const DraftTable& d) {
    Table t;
    t.id = {static_cast<std::uint32_t>(schema_->tables.size())};
    t.schema = d.schema;
    t.name = d.name;
    t.span = d.span;
    sql::Relation r;
    r.kind = sql::Relation::Kind::table;
    r.schema = d.schema;
    r.name = d.name;
    r.table = t.id;
    columns(d, t, r);
    t.keys.emplace_back();
    if (const DraftConstraint* primary = d.primary_key()) {
        const auto& key = std::get<ast::Key>(primary->node);
        t.keys[0].name = primary->name;
        t.keys[0].columns = ids(key.columns, t);
        t.keys[0].deferrable = primary->deferrable;
        t.keys[0].initially_deferred = primary->initially_deferred;
        t.keys[0].span = primary->span;
        for (const ColumnId c : t.keys[0].columns)
            t.columns[c.value].not_null = r.columns[c.value].not_null = true;
    } else {
        hidden_key(t, r);
    }
    r.keys.push_back({t.keys[0].name, t.keys[0].columns, nullptr, {}});
    schema_->tables.push_back(std::move(t));
    drafts_.push_back(&d);
    names_->add(std::move(r));
}

void Finisher::columns(const DraftTable& d, Table& t, sql::Relation& r) {
    for (const DraftColumn& c : d.columns) {
        Column column = make_column(c);
        if (c.identity != Identity::none) check_identity(c, column);
        sql::RelationColumn seen;
        seen.name = column.name;
        seen.type = column.type;
        seen.domain = column.domain;
        seen.not_null = column.not_null;
        seen.generated = c.generated.has_value();
        seen.identity = c.identity != Identity::none;
        seen.identity_always = c.identity == Identity::always;
        r.columns.push_back(std::move(seen));
        t.columns.push_back(std::move(column));
    }
}

void Finisher::check_identity(const DraftColumn& c, Column& column) {
    if (!sql::is_integer(column.type)) {
        if (!c.serial)
            reporter_.error(Error::make("22023", "identity column type must be smallint, integer, or bigint")
                                .with_span(c.span));
        column.identity = Identity::none;
        return;
    }
    if (column.type.id != sql::TypeId::int8)
        reporter_.warn(c.span, "the values the system makes for \"" + c.name +
                                   "\" carry the replica's prefix and need 64 bits: declare it bigint");
}

void Finisher::hidden_key(Table& t, sql::Relation& r) {
    const ColumnId id{static_cast<std::uint32_t>(t.columns.size())};
    Column column;
    column.name = "anabranch_row_id";
    column.type = {sql::TypeId::uuid};
    column.not_null = true;
    column.hidden = true;
    column.span = t.span;
    column.default_value = std::make_shared<const sql::Expr>(
        sql::Expr{column.type, t.span, sql::Call{sql::Func::gen_random_uuid, {}}});
    sql::RelationColumn seen;
    seen.name = column.name;
    seen.type = column.type;
    seen.not_null = true;
    seen.hidden = true;
    seen.default_value = column.default_value;
    t.columns.push_back(std::move(column));
    r.columns.push_back(std::move(seen));
    t.keys[0].name = object_name(t.name, "", "pkey");
    t.keys[0].columns = {id};
    t.keys[0].span = t.span;
}

void Finisher::expressions(const DraftTable& d, Table& t) {
    sql::Relation& r = *names_->mutable_table(t.id);
    for (std::size_t i = 0; i < d.columns.size(); ++i) {
        const DraftColumn& c = d.columns[i];
        Column& column = t.columns[i];
        sql::BindContext bind = context(d.path);
        const std::optional<ast::Expr>& written = c.default_value || !c.type.domain
                                                      ? c.default_value
                                                      : draft_.domains[*c.type.domain].default_value;
        if (written && column.identity == Identity::none) {
            column.text = sql::print(*written);
            Result<sql::ExprPtr> value = sql::bind_value(*written, column.type, column.domain, bind);
            if (value)
                column.default_value = r.columns[i].default_value = std::move(*value);
            else
                warn_or_fail(std::move(value.error()), "the default of \"" + c.name + "\"",
                             "NULL is taken instead");
        }
        if (c.generated) {
            column.text = sql::print(*c.generated);
            Result<sql::ExprPtr> value =
                sql::bind_row_expression(*c.generated, r, sql::RowUse::generated, column.type, bind);
            if (value)
                column.generated = std::move(*value);
            else
                warn_or_fail(std::move(value.error()), "the generation of \"" + c.name + "\"",
                             "it is taken as NULL");
        }
    }
}

}  // namespace anabranch::catalog
