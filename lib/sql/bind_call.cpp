// Function calls: built-ins, the user's read-only SQL functions (inlined), set-returning functions of a
// select list.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/bind_way_out.h"

namespace anabranch::sql::binding {

namespace {

std::vector<Type> types_of(const std::vector<ExprPtr>& args) {
    std::vector<Type> types;
    for (const ExprPtr& e : args) types.push_back(e->type);
    return types;
}

}  // namespace

Error Binding::no_function(const ast::FunctionCall& c, const std::vector<ExprPtr>& args, Span at) {
    if (c.name.schema.empty() && is_missing_function(c.name.name) &&
        context_.names.routines({}, c.name.name).empty())
        return unsupported(c.name.name + "()", at);
    std::string text = c.name.describe() + "(";
    for (std::size_t i = 0; i < args.size(); ++i) text += (i == 0 ? "" : ", ") + type_text(args[i]->type);
    Error error =
        Error::make(sqlstate::undefined_function, "function " + text + ") does not exist").with_span(at);
    error.hint =
        "No function matches the given name and argument types. You might need to add explicit type casts.";
    std::vector<std::string> names;
    for (const std::string_view name : function_names()) names.emplace_back(name);
    const bool known =
        is_function_name(c.name.name) || is_aggregate(c.name.name) || is_table_function(c.name.name);
    if (const std::string close = closest_name(c.name.name, names); !known && !close.empty())
        error.hint = "Perhaps you meant \"" + close + "\".";
    return error;
}

Result<std::optional<ExprPtr>> Binding::special_call(const ast::FunctionCall& c, Scope& scope, Span at) {
    const std::string& name = c.name.name;
    if (!c.name.schema.empty()) return std::optional<ExprPtr>{};
    if (name == "grouping") {
        TRY(ExprPtr mark, grouping_call(c, scope, at));
        return std::optional<ExprPtr>(std::move(mark));
    }
    if (name == "localtime") {
        ast::FunctionCall stamp = c;
        stamp.name.name = "localtimestamp";
        TRY(ExprPtr value, call(stamp, scope, at));
        return std::optional<ExprPtr>(make({TypeId::time}, at, Cast{std::move(value)}));
    }
    const bool choice = name == "coalesce" || name == "greatest" || name == "least";
    if (!choice && name != "nullif") {
        for (const char* unknown : {"current_time", "nextval", "currval", "setval", "lastval",
                                    "collation_for", "normalize", "is_normalized"})
            if (name == unknown && context_.names.routines({}, name).empty() && !context_.uninterpreted)
                return fail(unsupported(name + "()", at));
        return std::optional<ExprPtr>{};
    }
    std::vector<ExprPtr> args;
    for (const ast::Argument& a : c.arguments) {
        TRY(ExprPtr arg, expr(a.value, scope));
        args.push_back(std::move(arg));
    }
    if (choice) {
        const char* what = name == "coalesce" ? "COALESCE" : name == "greatest" ? "GREATEST" : "LEAST";
        TRY(const Type type, unify(args, what, at));
        const Func func = name == "coalesce"   ? Func::coalesce
                          : name == "greatest" ? Func::greatest
                                               : Func::least;
        return make(type, at, Call{func, std::move(args)});
    }
    if (args.size() != 2) return fail(no_function(c, args, at));
    TRY(ExprPtr equal, operate("=", args[0], args[1], at));
    // NULLIF yields its left argument as the operator takes it: integers and floats of two widths have
    // operators of their own.
    TRY(const Resolved resolved, operator_for("=", args[0]->type, args[1]->type, at));
    const auto is_float = [](Type t) { return t.id == TypeId::float4 || t.id == TypeId::float8; };
    const bool own = (is_integer(args[0]->type) && is_integer(args[1]->type)) ||
                     (is_float(args[0]->type) && is_float(args[1]->type));
    Type taken = own ? args[0]->type : resolved.args[0];
    if (taken.id == TypeId::varchar && !taken.array) taken = {TypeId::text};
    TRY(ExprPtr left, coerce(args[0], taken, Coercion::implicit, at));
    const Type type = left->type;
    return make(type, at, Case{{{std::move(equal), null_of(type, at)}}, std::move(left)});
}

// make_interval(days => 10, hours => 4): what is not named is 0.
Result<std::vector<ExprPtr>> Binding::interval_parts(const ast::FunctionCall& c, std::vector<ExprPtr> args,
                                                     Span at) {
    constexpr std::string_view names[] = {"years", "months", "weeks", "days", "hours", "mins", "secs"};
    std::vector<ExprPtr> out(std::size(names));
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string& name = c.arguments[i].name;
        const auto slot = name.empty()
                              ? i
                              : static_cast<std::size_t>(std::find(std::begin(names), std::end(names), name) -
                                                         std::begin(names));
        if (slot >= out.size() || out[slot]) return fail(no_function(c, args, at));
        out[slot] = std::move(args[i]);
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i]) continue;
        Const zero;
        zero.null = false;
        out[i] = make({i + 1 == out.size() ? TypeId::float8 : TypeId::int4}, at, std::move(zero));
    }
    return out;
}

// Values for $1.. of the routine, in the order of its IN parameters.
Result<std::vector<ExprPtr>> Binding::routine_arguments(const RoutineSignature& r, const ast::FunctionCall& c,
                                                        const std::vector<ExprPtr>& args, Span at) {
    std::vector<ExprPtr> out(r.in_types.size());
    for (std::size_t i = 0; i < args.size(); ++i) {
        std::size_t slot = i;
        if (!c.arguments[i].name.empty()) {
            const auto found = std::find(r.in_names.begin(), r.in_names.end(), c.arguments[i].name);
            if (found == r.in_names.end()) return fail(no_function(c, args, at));
            slot = static_cast<std::size_t>(found - r.in_names.begin());
        }
        if (slot >= out.size() || out[slot] || !can_coerce(args[i], r.in_types[slot], Coercion::implicit))
            return fail(no_function(c, args, at));
        TRY(out[slot], coerce(args[i], r.in_types[slot], Coercion::implicit, args[i]->span));
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (!out[i] && i < r.in_defaults.size()) out[i] = r.in_defaults[i];
        if (!out[i]) return fail(no_function(c, args, at));
    }
    return out;
}

Result<std::optional<ExprPtr>> Binding::routine_call(const ast::FunctionCall& c,
                                                     const std::vector<ExprPtr>& args, Span at) {
    std::vector<RoutineSignature> all;
    if (c.name.schema.empty())
        for (const std::string& schema : context_.path)
            for (RoutineSignature& r : context_.names.routines(schema, c.name.name))
                all.push_back(std::move(r));
    if (all.empty()) all = context_.names.routines(c.name.schema, c.name.name);
    std::erase_if(all, [&](const RoutineSignature& r) {
        if (args.size() > r.in_types.size() || args.size() < r.required) return true;
        for (std::size_t i = 0; i < args.size(); ++i)
            if (c.arguments[i].name.empty() && !can_coerce(args[i], r.in_types[i], Coercion::implicit))
                return true;
        return false;
    });
    if (all.empty()) return std::optional<ExprPtr>{};
    const auto exactness = [&](const RoutineSignature& r) {
        int n = 0;
        for (std::size_t i = 0; i < args.size(); ++i) n += same_type(args[i]->type, r.in_types[i]);
        return n;
    };
    std::stable_sort(all.begin(), all.end(),
                     [&](const auto& a, const auto& b) { return exactness(a) > exactness(b); });
    const RoutineSignature& r = all.front();
    if (r.is_procedure)
        return fail(Error::make("42809", r.name + " is a procedure")
                        .with_span(at)
                        .with_hint("To call a procedure, use CALL."));
    if (!r.inline_body && !context_.uninterpreted)
        return fail(
            unsupported("calling " + r.name + "(), which is not a read-only SQL function of one query,", at));
    TRY(std::vector<ExprPtr> values, routine_arguments(r, c, args, at));
    if (!r.inline_body) {
        if (r.columns.size() == 1) {
            values.insert(values.begin(), text_const(r.name, at));
            return make(r.columns[0].type, at, Call{Func::uninterpreted, std::move(values)});
        }
        return fail(
            unsupported("calling " + r.name + "(), which is not a read-only SQL function of one query,", at));
    }
    if (r.returns_set || r.columns.size() != 1)
        return fail(unsupported("calling " + r.name + "(), which returns rows, in an expression", at));
    for (const ExprPtr& e : values)
        if (is_volatile(e)) return fail(unsupported("a volatile argument of " + r.name + "()", at));
    return make(r.columns[0].type, at,
                Subquery{SubqueryKind::scalar, with_arguments(in_session(r.inline_body), values), {}, {}});
}

// SELECT unnest(a): the function joins FROM, and its rows multiply the query's.
Result<ExprPtr> Binding::select_list_function(const ast::FunctionCall& c, const std::vector<ExprPtr>& args,
                                              Scope& scope, Span at) {
    const std::optional<ResolvedTableFunction> f = resolve_table_function(c.name.name, types_of(args));
    if (!f) return fail(no_function(c, args, at));
    if (scope.clause != Clause::target || scope.from == nullptr)
        return fail(
            Error::make(sqlstate::feature_not_supported,
                        std::string("set-returning functions are not allowed in ") + name_of(scope.clause))
                .with_span(at));
    if (f->columns.empty()) return fail(unsupported(c.name.name + "() in the select list", at));
    std::vector<ExprPtr> values = args;
    for (std::size_t i = 0; i < values.size(); ++i) {
        TRY(values[i], coerce(values[i], f->args[i], Coercion::implicit, values[i]->span));
    }
    if (!scope.select_functions) {
        scope.select_functions = static_cast<std::uint32_t>(scope.rels.size());
        scope.rels.push_back({c.name.name, FunctionRel{}, {}});
        scope.from->push_back({*scope.select_functions, nullptr});
    }
    Rel& rel = scope.rels[*scope.select_functions];
    std::get<FunctionRel>(rel.source).sources.push_back({f->func, std::move(values), context_.zone});
    std::vector<ExprPtr> columns;
    std::vector<std::string> names;
    for (const auto& [column_name, type] : f->columns) {
        rel.columns.push_back({column_name, type, {}, 0});
        columns.push_back(column_ref(*scope.select_functions,
                                     static_cast<std::uint32_t>(rel.columns.size() - 1), type, at));
        names.push_back(column_name);
    }
    if (columns.size() == 1) return columns[0];
    return make({TypeId::record}, at, RowOf{std::move(columns), std::move(names)});
}

Result<ExprPtr> Binding::call(const ast::FunctionCall& c, Scope& scope, Span at) {
    TRY(std::optional<ExprPtr> special, special_call(c, scope, at));
    if (special) return *special;
    const std::string& name = c.name.name;
    const bool built_in_schema = c.name.schema.empty() || c.name.schema == "information_schema";
    if (c.over) return window(c, scope, at);
    const bool without_over = is_window_function(name) && c.arguments.empty() && !c.within_group;
    if (built_in_schema && is_aggregate(name) && !without_over) return aggregate(c, scope, at);
    if (c.within_group) return fail(no_function(c, {}, at));
    if (c.star || c.distinct || !c.order_by.empty() || c.filter)
        return fail(Error::make("42809", "DISTINCT, ORDER BY, FILTER or * specified, but " + name +
                                             " is not an aggregate function")
                        .with_span(at));
    if (built_in_schema && is_window_function(name))
        return fail(
            Error::make("42809", "window function " + name + " requires an OVER clause").with_span(at));
    std::vector<ExprPtr> args;
    for (const ast::Argument& a : c.arguments) {
        if (a.variadic) return fail(unsupported("VARIADIC", a.value.span));
        TRY(ExprPtr arg, expr(a.value, scope));
        args.push_back(std::move(arg));
    }
    if (built_in_schema) {
        if (name == "make_interval") {
            TRY(args, interval_parts(c, std::move(args), at));
        }
        if (is_table_function(name)) return select_list_function(c, args, scope, at);
        const Resolution r = resolve_function(name, types_of(args));
        if (r.match == Match::found) return convert_arguments(std::move(args), r.resolved, at);
        if (r.match == Match::ambiguous) {
            return fail(Error::make("42725", "function " + name + "() is not unique")
                            .with_span(at)
                            .with_hint("Could not choose a best candidate function. You might need to add "
                                       "explicit type casts."));
        }
    }
    TRY(std::optional<ExprPtr> routine, routine_call(c, args, at));
    if (routine) return *routine;
    if (built_in_schema && args.size() == 1)  // int8(x) is a cast
        if (const std::optional<Type> type = builtin_type(name);
            type && can_coerce(args[0], *type, Coercion::explicit_))
            return coerce(args[0], *type, Coercion::explicit_, at);
    if (context_.uninterpreted && !is_function_name(name)) {
        for (ExprPtr& e : args) e = resolve_unknown(e);
        args.insert(args.begin(), text_const(name, at));
        // Nobody says what it returns: its place decides, and text will do for the rest.
        return make({}, at, Call{Func::uninterpreted, std::move(args)});
    }
    return fail(no_function(c, args, at));
}

}  // namespace anabranch::sql::binding
