// Types by name, conversions, and the small builders of IR nodes.
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_way_out.h"
#include "lib/sql/session_labels.h"
#include "lib/sql/value.h"

namespace anabranch::sql {
namespace binding {

namespace {

// Enum labels as value.h wants them, from the names the binder knows.
class LabelsOfNames final : public EnumLabels {
  public:
    explicit LabelsOfNames(const Names& names) : names_(names) {}
    const std::string* label(std::uint32_t enum_index, std::int64_t ordinal) const override {
        if (!held_ || held_->first != enum_index) held_.emplace(enum_index, names_.enum_labels(enum_index));
        const std::vector<std::string>& labels = held_->second;
        return ordinal >= 0 && static_cast<std::size_t>(ordinal) < labels.size()
                   ? &labels[static_cast<std::size_t>(ordinal)]
                   : nullptr;
    }
    std::int64_t ordinal(std::uint32_t enum_index, std::string_view label) const override {
        const std::vector<std::string> labels = names_.enum_labels(enum_index);
        for (std::size_t i = 0; i < labels.size(); ++i)
            if (labels[i] == label) return static_cast<std::int64_t>(i);
        return -1;
    }
    std::string enum_name(std::uint32_t enum_index) const override { return names_.enum_name(enum_index); }

  private:
    const Names& names_;
    mutable std::optional<std::pair<std::uint32_t, std::vector<std::string>>> held_;  // of one enum
};

bool needs_catalog(Type t) {
    return t.id == TypeId::regclass || t.id == TypeId::regtype || t.id == TypeId::regproc;
}

Const const_of(Type type, Datum value) {
    Const c;
    if (value.is_null()) return c;
    c.null = false;
    switch (storage_of(type)) {
        case Storage::integer:
            c.integer = value.as_integer();
            break;
        case Storage::floating:
            c.floating = value.as_floating();
            break;
        case Storage::bytes:
            c.bytes = value.as_bytes();
            break;
    }
    return c;
}

Datum datum_of(Type type, const Const& c) {
    if (c.null) return {};
    switch (storage_of(type)) {
        case Storage::integer:
            return Datum::integer(c.integer);
        case Storage::floating:
            return Datum::floating(c.floating);
        case Storage::bytes:
            return Datum::bytes(c.bytes);
    }
    return {};
}

// The conversion of a constant at bind time; null when it fails (the run then reports it) or needs the
// catalog.
ExprPtr fold(const Expr& e, Type to, bool implicit, const BindContext& context) {
    const auto* c = std::get_if<Const>(&e.node);
    if (c == nullptr || needs_catalog(to) || needs_catalog(e.type) || e.type.id == TypeId::record)
        return nullptr;
    Arena arena;
    const LabelsOfNames of_schema(context.names);
    const SessionLabels labels(&of_schema, context.zone.get(), false);
    const Result<Datum> value = cast(e.type, to, datum_of(e.type, *c), arena, &labels, implicit);
    if (!value) return nullptr;
    return make(to, e.span, const_of(to, *value));
}

// (p << 16 | s) + 4, as PostgreSQL keeps it.
Result<std::int32_t> numeric_modifier(const ast::TypeName& name) {
    const std::int32_t precision = name.modifiers[0];
    const std::int32_t scale = name.modifiers.size() > 1 ? name.modifiers[1] : 0;
    if (precision < 1 || precision > 1000)
        return fail(Error::make("22023", "NUMERIC precision " + std::to_string(precision) +
                                             " must be between 1 and 1000")
                        .with_span(name.span));
    if (scale < -1000 || scale > 1000)
        return fail(
            Error::make("22023", "NUMERIC scale " + std::to_string(scale) + " must be between -1000 and 1000")
                .with_span(name.span));
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}

Result<std::int32_t> modifier_of(const ast::TypeName& name, TypeId id) {
    if (name.modifiers.empty()) return -1;
    switch (id) {
        case TypeId::varchar:
        case TypeId::bpchar:
            if (name.modifiers[0] < 1)
                return fail(Error::make("22023", "length for type " +
                                                     std::string(id == TypeId::varchar ? "varchar" : "char") +
                                                     " must be at least 1")
                                .with_span(name.span));
            return name.modifiers[0] + 4;
        case TypeId::numeric:
            return numeric_modifier(name);
        case TypeId::timestamp:
        case TypeId::timestamptz:
        case TypeId::time:
            return std::min(name.modifiers[0], 6);
        case TypeId::interval:
            return -1;
        default:
            return fail(
                Error::make("42601", "type modifier is not allowed for type \"" + name.name.name + "\"")
                    .with_span(name.span));
    }
}

}  // namespace

const char* name_of(Clause clause) {
    switch (clause) {
        case Clause::none:
        case Clause::target:
            return "the select list";
        case Clause::where:
            return "WHERE";
        case Clause::join_on:
            return "JOIN conditions";
        case Clause::group_by:
            return "GROUP BY";
        case Clause::having:
            return "HAVING";
        case Clause::order_by:
            return "ORDER BY";
        case Clause::distinct_on:
            return "DISTINCT ON";
        case Clause::limit:
            return "LIMIT";
        case Clause::offset:
            return "OFFSET";
        case Clause::values:
            return "VALUES";
        case Clause::from_function:
            return "functions in FROM";
        case Clause::update:
            return "UPDATE";
        case Clause::returning:
            return "RETURNING";
        case Clause::on_conflict:
            return "ON CONFLICT";
        case Clause::filter:
            return "FILTER";
        case Clause::aggregate_argument:
            return "aggregate function calls";
        case Clause::window:
            return "window definitions";
        case Clause::check:
            return "check constraints";
        case Clause::default_value:
            return "DEFAULT expressions";
        case Clause::generated:
            return "column generation expressions";
        case Clause::index_expression:
            return "index expressions";
        case Clause::index_predicate:
            return "index predicates";
        case Clause::call_argument:
            return "CALL arguments";
    }
    return "this place";
}

ExprPtr make(Type type, Span at, decltype(Expr::node) node) {
    return std::make_shared<const Expr>(Expr{type, at, std::move(node)});
}
ExprPtr column_ref(std::uint32_t rel, std::uint32_t column, Type type, Span at) {
    return make(type, at, ColumnRef{0, rel, column});
}
ExprPtr null_of(Type type, Span at) {
    return make(type, at, Const{});
}
ExprPtr text_const(const std::string& text, Span at) {
    Const c;
    c.null = false;
    c.bytes = text;
    return make({TypeId::text}, at, std::move(c));
}
ExprPtr truth(LogicOp op, std::vector<ExprPtr> args, Span at) {
    if (args.size() == 1 && op != LogicOp::not_) return args[0];
    return make({TypeId::bool_}, at, Logic{op, std::move(args)});
}

Error unsupported(const std::string& what, Span at) {
    Error error = Error::make(sqlstate::feature_not_supported, what + " is not supported").with_span(at);
    error.hint = way_out(what);
    return error;
}

Error undefined_table(const BindContext& context, const ast::QualifiedName& name) {
    Error error =
        Error::make(sqlstate::undefined_table, "relation \"" + name.describe() + "\" does not exist")
            .with_span(name.span);
    if (const std::string close = closest_name(name.describe(), context.names.relation_names());
        !close.empty())
        error.hint = "Perhaps you meant \"" + close + "\".";
    return error;
}

std::string Binding::type_text(Type t) const {
    const LabelsOfNames labels(context_.names);
    return type_name(without_modifier(t), &labels);  // as messages have it
}

Result<const Relation*> Binding::find_relation(const ast::QualifiedName& name) const {
    if (name.schema.empty())
        for (const std::string& schema : context_.path)
            if (const Relation* r = context_.names.relation(schema, name.name)) return r;
    if (const Relation* r = context_.names.relation(name.schema, name.name)) return r;
    return fail(undefined_table(context_, name));
}

Result<ResolvedType> Binding::type(const ast::TypeName& name) {
    return bind_type(name, context_);
}

bool Binding::can_coerce(const ExprPtr& e, Type to, Coercion how) const {
    return coercion(e->type, to) <= how && coercion(e->type, to) != Coercion::none;
}

Result<ExprPtr> Binding::coerce(const ExprPtr& e, Type to, Coercion how, Span at) {
    if (to.id == TypeId::unknown && !to.array) return e;
    if (same_type(e->type, to) && (to.modifier == -1 || to.modifier == e->type.modifier)) return e;
    const bool implicit = how != Coercion::explicit_;
    if (is_unknown(e->type)) {
        if (const auto* p = std::get_if<Param>(&e->node)) {
            Type& declared = context_.parameters[p->index].type;
            if (is_unknown(declared)) declared = without_modifier(to);
            return coerce(make(declared, e->span, *p), to, how, at);
        }
        if (const auto* c = std::get_if<Const>(&e->node)) {
            if (c->null) return null_of(to, e->span);
            if (needs_catalog(to)) return zoned(to, at, Cast{make({TypeId::text}, e->span, *c), implicit});
            Arena arena;
            const LabelsOfNames of_schema(context_.names);
            const SessionLabels labels(&of_schema, context_.zone.get(), false);
            Result<Datum> value = parse_text(without_modifier(to), c->bytes, arena, &labels);
            if (!value) return fail(std::move(value.error()).with_span(e->span));
            const ExprPtr parsed = make(without_modifier(to), e->span, const_of(to, *value));
            return to.modifier == -1 ? parsed : coerce(parsed, to, how, at);
        }
        return zoned(to, at, Cast{make({TypeId::text}, e->span, e->node), implicit});
    }
    if (!can_coerce(e, to, how))
        return fail(Error::make("42846", "cannot cast type " + type_text(e->type) + " to " + type_text(to))
                        .with_span(at));
    if (ExprPtr folded = fold(*e, to, implicit, context_)) return folded;
    return zoned(to, at, Cast{e, implicit});
}

Result<ExprPtr> Binding::assign(const ExprPtr& e, const RelationColumn& column, Span at) {
    if (!can_coerce(e, column.type, Coercion::assignment))
        return fail(Error::make(sqlstate::datatype_mismatch,
                                "column \"" + column.name + "\" is of type " + type_text(column.type) +
                                    " but expression is of type " + type_text(e->type))
                        .with_span(at)
                        .with_hint("You will need to rewrite or cast the expression."));
    TRY(ExprPtr value, coerce(e, column.type, Coercion::assignment, at));
    if (!column.domain) return value;
    return make(column.type, at, DomainCheck{std::move(value), column.domain});
}

Result<ExprPtr> Binding::to_boolean(const ExprPtr& e, const char* what, Span at) {
    const Type boolean{TypeId::bool_};
    if (!can_coerce(e, boolean, Coercion::assignment))
        return fail(Error::make(sqlstate::datatype_mismatch, std::string("argument of ") + what +
                                                                 " must be type boolean, not type " +
                                                                 type_text(e->type))
                        .with_span(at));
    return coerce(e, boolean, Coercion::assignment, at);
}

ExprPtr Binding::resolve_unknown(const ExprPtr& e) {
    if (!is_unknown(e->type)) return e;
    if (const auto* p = std::get_if<Param>(&e->node)) {
        Type& declared = context_.parameters[p->index].type;
        if (is_unknown(declared)) declared = {TypeId::text};
        return make(declared, e->span, *p);
    }
    return make({TypeId::text}, e->span, e->node);
}

}  // namespace binding

Result<ResolvedType> bind_type(const ast::TypeName& name, const BindContext& context) {
    if (name.of_column) return fail(binding::unsupported("%TYPE", name.span));
    if (name.set_of) return fail(binding::unsupported("SETOF here", name.span));
    ResolvedType out;
    std::optional<Type> builtin;
    if (name.name.schema.empty()) builtin = builtin_type(name.name.name);
    if (builtin) {
        out.type = *builtin;
        TRY(out.type.modifier, binding::modifier_of(name, builtin->id));
    } else {
        std::optional<ResolvedType> found;
        if (name.name.schema.empty())
            for (const std::string& schema : context.path)
                if (!found) found = context.names.type(schema, name.name.name);
        if (!found) found = context.names.type(name.name.schema, name.name.name);
        if (!found)
            return fail(Error::make(sqlstate::undefined_object,
                                    "type \"" + name.name.describe() + "\" does not exist")
                            .with_span(name.span));
        out = *found;
    }
    if (name.array_dimensions > 0) {
        if (out.domain) return fail(binding::unsupported("an array of a domain", name.span));
        if (out.type.array) return fail(binding::unsupported("an array of arrays", name.span));
        out.type.array = true;
    }
    return out;
}

}  // namespace anabranch::sql
