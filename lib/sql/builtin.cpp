#include "lib/sql/builtin.h"

#include <algorithm>
#include <map>

#include "lib/base/check.h"
#include "lib/base/function_ref.h"
#include "lib/sql/builtin_table.h"

namespace anabranch::sql {

namespace {

enum class Pattern : std::uint8_t { none, any, element, array, nonarray, enum_, range, range_element };

struct Argument {
    Pattern pattern = Pattern::none;
    Type type;  // for Pattern::none
};
struct ResultColumn {
    std::string name;
    Argument type;
};
struct Signature {
    std::vector<Argument> args;
    bool variadic = false;  // the last argument repeats
    Argument result;
    std::vector<ResultColumn> columns;  // of a table function
    std::vector<Type> as;
    std::uint32_t id = 0;  // index into the rows it was made from
};
// Names to candidate signatures; one per kind of row.
using Candidates = std::map<std::string_view, std::vector<Signature>, std::less<>>;

std::string_view next_word(std::string_view& text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

Argument read_argument(std::string_view word) {
    if (word == "any") return {Pattern::any, {}};
    if (word == "anyelement") return {Pattern::element, {}};
    if (word == "anyarray") return {Pattern::array, {}};
    if (word == "anynonarray") return {Pattern::nonarray, {}};
    if (word == "anyenum") return {Pattern::enum_, {}};
    if (word == "anyrange") return {Pattern::range, {}};
    if (word == "anyrangeelement") return {Pattern::range_element, {}};
    const bool array = word.ends_with("[]");
    if (array) word.remove_suffix(2);
    auto type = builtin_type(word);
    CHECK_NOTE(type.has_value(), word);
    type->array = array;
    return {Pattern::none, *type};
}

Signature read_signature(std::string_view text, std::string_view as, std::uint32_t id) {
    Signature s;
    s.id = id;
    for (std::string_view word = next_word(text); word != ">"; word = next_word(text)) {
        if (word == "...")
            s.variadic = true;
        else
            s.args.push_back(read_argument(word));
    }
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
        const std::size_t colon = word.find(':');
        if (colon == std::string_view::npos)
            s.result = read_argument(word);
        else
            s.columns.push_back({std::string(word.substr(0, colon)), read_argument(word.substr(colon + 1))});
    }
    for (std::string_view word = next_word(as); !word.empty(); word = next_word(as))
        s.as.push_back(read_argument(word).type);
    return s;
}

// ---- tables made once ----

void add_comparison(Candidates& out, const Signature& s) {
    constexpr std::pair<std::string_view, Func> operators[] = {{"=", Func::eq}, {"<>", Func::ne},
                                                               {"<", Func::lt}, {"<=", Func::le},
                                                               {">", Func::gt}, {">=", Func::ge}};
    for (const auto& [name, func] : operators) {
        Signature copy = s;
        copy.id = static_cast<std::uint32_t>(func);
        out[name].push_back(std::move(copy));
    }
}

void add_comparisons(Candidates& out) {
    const Argument boolean{Pattern::none, {TypeId::bool_}};
    for (const TypeId id :
         {TypeId::bool_,     TypeId::int2,        TypeId::int4,     TypeId::int8,   TypeId::numeric,
          TypeId::float4,    TypeId::float8,      TypeId::text,     TypeId::bpchar, TypeId::name,
          TypeId::char_,     TypeId::bytea,       TypeId::uuid,     TypeId::date,   TypeId::time,
          TypeId::timestamp, TypeId::timestamptz, TypeId::interval, TypeId::jsonb,  TypeId::oid,
          TypeId::record})
        add_comparison(out, {{{Pattern::none, {id}}, {Pattern::none, {id}}}, false, boolean, {}, {}, 0});
    for (const Pattern p : {Pattern::enum_, Pattern::array, Pattern::range})
        add_comparison(out, {{{p, {}}, {p, {}}}, false, boolean, {}, {}, 0});
    struct Mixed {
        TypeId left, right, as;
    };
    for (const auto& [left, right, as] : {Mixed{TypeId::int2, TypeId::int4, TypeId::int4},
                                          {TypeId::int2, TypeId::int8, TypeId::int8},
                                          {TypeId::int4, TypeId::int8, TypeId::int8},
                                          {TypeId::float4, TypeId::float8, TypeId::float8},
                                          {TypeId::date, TypeId::timestamp, TypeId::timestamp},
                                          {TypeId::date, TypeId::timestamptz, TypeId::timestamptz},
                                          {TypeId::timestamp, TypeId::timestamptz, TypeId::timestamptz},
                                          {TypeId::name, TypeId::text, TypeId::text}}) {
        const Argument l{Pattern::none, {left}}, r{Pattern::none, {right}};
        add_comparison(out, {{l, r}, false, boolean, {}, {{as}, {as}}, 0});
        add_comparison(out, {{r, l}, false, boolean, {}, {{as}, {as}}, 0});
    }
}

// Operators carry their Func in `id`: prefix and infix ones are told apart by the number of arguments.
const Candidates& operators() {
    static const Candidates made = [] {
        Candidates out;
        add_comparisons(out);
        for (const OperatorRow& row : operator_rows())
            out[row.name].push_back(
                read_signature(row.signature, row.as, static_cast<std::uint32_t>(row.func)));
        return out;
    }();
    return made;
}

const Candidates& functions() {
    static const Candidates made = [] {
        Candidates out;
        for (const auto rows : {function_rows(), session_function_rows()})
            for (const FunctionRow& row : rows)
                out[row.name].push_back(
                    read_signature(row.signature, row.as, static_cast<std::uint32_t>(row.func)));
        return out;
    }();
    return made;
}

template <typename Row>
Candidates candidates_of(std::span<const Row> rows) {
    Candidates out;
    for (const Row& row : rows)
        out[row.name].push_back(read_signature(row.signature, {}, static_cast<std::uint32_t>(row.func)));
    return out;
}
const Candidates& aggregates() {
    static const Candidates made = candidates_of(aggregate_rows());
    return made;
}
const Candidates& windows() {
    static const Candidates made = candidates_of(window_rows());
    return made;
}
const Candidates& table_functions() {
    static const Candidates made = candidates_of(table_function_rows());
    return made;
}

// ---- matching ----

bool is_unknown(Type t) {
    return t.id == TypeId::unknown && !t.array;
}

const Argument& argument_at(const Signature& s, std::size_t i) {
    return s.args[std::min(i, s.args.size() - 1)];
}

bool fits_count(const Signature& s, std::size_t count) {
    return s.variadic ? count >= s.args.size() : count == s.args.size();
}

bool accepts(const Argument& a, Type t) {
    if (is_unknown(t)) return true;
    switch (a.pattern) {
        case Pattern::none:
            return coercion(t, a.type) == Coercion::implicit;
        case Pattern::any:
        case Pattern::element:
            return true;
        case Pattern::array:
            return t.array;
        case Pattern::nonarray:
            return !t.array;
        case Pattern::enum_:
            return t.id == TypeId::enum_ && !t.array;
        case Pattern::range:
            return is_range(t);
        case Pattern::range_element:
            return !t.array && !is_range(t);
    }
    return false;
}

bool exact(const Argument& a, Type t) {
    return a.pattern == Pattern::none && same_type(a.type, t);
}

char category(const Argument& a) {
    return a.pattern == Pattern::none ? category_of(a.type) : 'P';
}
bool preferred(const Argument& a) {
    return a.pattern == Pattern::none && is_preferred(a.type);
}

// What the patterns of one call stand for.
struct Bindings {
    std::optional<Type> element;  // of anyelement, anyarray, anynonarray
    std::optional<Type> enum_;
    std::optional<Type> range;
};

bool bind_patterns(const Signature& s, std::span<const Type> types, Bindings& out) {
    std::vector<Type> elements;
    for (std::size_t i = 0; i < types.size(); ++i) {
        const Pattern p = argument_at(s, i).pattern;
        if (is_unknown(types[i])) continue;
        if (p == Pattern::array) elements.push_back(element_of(types[i]));
        if (p == Pattern::element || p == Pattern::nonarray) elements.push_back(types[i]);
        if (p == Pattern::enum_) {
            if (out.enum_ && !same_type(*out.enum_, types[i])) return false;
            out.enum_ = types[i];
        }
        if (p == Pattern::range) {
            if (out.range && !same_type(*out.range, types[i])) return false;
            out.range = types[i];
        }
    }
    if (!elements.empty()) {
        out.element = common_type(elements);
        if (!out.element) return false;
        // Arrays are compared with arrays of their own type; a function finds a common one.
        if (s.result.pattern == Pattern::none && s.result.type.id == TypeId::bool_ &&
            !same_type(elements.front(), elements.back()))
            return false;
    }
    if (out.range) {
        for (std::size_t i = 0; i < types.size(); ++i)
            if (argument_at(s, i).pattern == Pattern::range_element && !is_unknown(types[i]) &&
                !same_type(types[i], range_element(*out.range)))
                return false;
    }
    return true;
}

// Unknown when nothing told what a pattern stands for.
Type concrete(const Argument& a, Type given, const Bindings& b) {
    switch (a.pattern) {
        case Pattern::none:
            return a.type;
        case Pattern::any:
            return is_unknown(given) ? Type{TypeId::text} : given;
        case Pattern::element:
        case Pattern::nonarray:
            return b.element ? *b.element : Type{TypeId::text};
        case Pattern::array:
            if (!b.element && b.enum_) return array_of_type(*b.enum_);
            return array_of_type(b.element ? without_modifier(*b.element) : Type{TypeId::text});
        case Pattern::enum_:
            return b.enum_.value_or(Type{});
        case Pattern::range:
            return b.range.value_or(Type{});
        case Pattern::range_element:
            return b.range ? range_element(*b.range) : Type{};
    }
    return {};
}

using Pool = std::vector<const Signature*>;

void keep_best(Pool& pool, FunctionRef<int(const Signature&)> score) {
    int best = -1;
    for (const Signature* s : pool) best = std::max(best, score(*s));
    std::erase_if(pool, [&](const Signature* s) { return score(*s) < best; });
}

// PostgreSQL's category rule for untyped literals (manual 10.3, step 4e).
void apply_category_rule(Pool& pool, std::span<const Type> types) {
    std::vector<std::pair<char, bool>> slots(types.size(), {'\0', false});
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (!is_unknown(types[i])) continue;
        auto& [wanted, has_preferred] = slots[i];
        bool agree = true;
        for (const Signature* s : pool) {
            const char c = category(argument_at(*s, i));
            if (wanted == '\0') wanted = c;
            if (c == wanted) continue;
            if (c == 'S') wanted = 'S';
            agree = agree && wanted == 'S';
        }
        if (!agree && wanted != 'S') return;
        for (const Signature* s : pool)
            has_preferred |= category(argument_at(*s, i)) == wanted && preferred(argument_at(*s, i));
    }
    Pool kept = pool;
    std::erase_if(kept, [&](const Signature* s) {
        for (std::size_t i = 0; i < types.size(); ++i) {
            if (!is_unknown(types[i])) continue;
            const Argument& a = argument_at(*s, i);
            if (category(a) != slots[i].first || (slots[i].second && !preferred(a))) return true;
        }
        return false;
    });
    if (!kept.empty()) pool = std::move(kept);
}

// When all known arguments have one type, assume that the unknown ones have it too.
void apply_same_type_rule(Pool& pool, std::span<const Type> types) {
    std::optional<Type> known;
    for (const Type t : types) {
        if (is_unknown(t)) continue;
        if (known && !same_type(*known, t)) return;
        known = t;
    }
    if (!known) return;
    Pool kept = pool;
    std::erase_if(kept, [&](const Signature* s) {
        for (std::size_t i = 0; i < types.size(); ++i)
            if (is_unknown(types[i]) && !accepts(argument_at(*s, i), *known)) return true;
        return false;
    });
    if (kept.size() == 1) pool = std::move(kept);
}

Match choose(Pool& pool, std::span<const Type> types) {
    if (pool.empty()) return Match::none;
    const auto count = [&](const Signature& s, bool with_preferred) {
        int n = 0;
        for (std::size_t i = 0; i < types.size(); ++i) {
            if (is_unknown(types[i])) continue;
            const Argument& a = argument_at(s, i);
            n += exact(a, types[i]) ||
                 (with_preferred && preferred(a) && category(a) == category_of(types[i]));
        }
        return n;
    };
    if (pool.size() > 1) keep_best(pool, [&](const Signature& s) { return count(s, false); });
    if (pool.size() > 1) keep_best(pool, [&](const Signature& s) { return count(s, true); });
    const bool any_unknown = std::any_of(types.begin(), types.end(), is_unknown);
    if (pool.size() > 1 && any_unknown) apply_category_rule(pool, types);
    if (pool.size() > 1 && any_unknown) apply_same_type_rule(pool, types);
    return pool.size() == 1 ? Match::found : Match::ambiguous;
}

struct Choice {
    Match match = Match::none;
    const Signature* signature = nullptr;
    std::vector<Type> args;
    Bindings bindings;
};

Choice resolve(const Candidates& all, std::string_view name, std::span<const Type> given) {
    const auto found = all.find(name);
    if (found == all.end()) return {};
    std::vector<Type> types;     // varchar has no operators or functions of its own in PostgreSQL ...
    std::vector<Type> elements;  // ... but anyelement may be one
    for (Type t : given) {
        elements.push_back(without_modifier(t));
        if (t.id == TypeId::varchar) t.id = TypeId::text;
        types.push_back(without_modifier(t));
    }
    Pool pool;
    for (const Signature& s : found->second) {
        if (!fits_count(s, types.size())) continue;
        bool fits = true, all_exact = true;
        Bindings bindings;
        for (std::size_t i = 0; i < types.size(); ++i) {
            fits &= accepts(argument_at(s, i), types[i]);
            all_exact &= exact(argument_at(s, i), types[i]);
        }
        if (!fits || !bind_patterns(s, elements, bindings)) continue;
        if (all_exact) {
            pool = {&s};
            break;
        }
        pool.push_back(&s);
    }
    Choice choice;
    choice.match = choose(pool, types);
    if (choice.match != Match::found) return choice;
    choice.signature = pool.front();
    bind_patterns(*choice.signature, elements, choice.bindings);
    for (std::size_t i = 0; i < types.size(); ++i)
        choice.args.push_back(i < choice.signature->as.size()
                                  ? choice.signature->as[i]
                                  : concrete(argument_at(*choice.signature, i), given[i], choice.bindings));
    return choice;
}

Resolution finish(const Choice& choice) {
    if (choice.match != Match::found) return {choice.match, {}};
    for (const Type t : choice.args)
        if (is_unknown(t)) return {Match::ambiguous, {}};
    const Type result = concrete(choice.signature->result, {}, choice.bindings);
    return {Match::found, {static_cast<Func>(choice.signature->id), choice.args, result}};
}

}  // namespace

Resolution resolve_operator(std::string_view name, std::optional<Type> left, Type right) {
    if (!left) return finish(resolve(operators(), name, std::array{right}));
    const auto as_varchar = [](Type t) { return t.id == TypeId::varchar ? Type{TypeId::text, t.array} : t; };
    const Type l = as_varchar(without_modifier(*left)), r = as_varchar(without_modifier(right));
    // One side unknown: first try the operator of the other side's type with itself.
    if (is_unknown(l) != is_unknown(r)) {
        const Type known = is_unknown(l) ? r : l;
        if (const auto found = operators().find(name); found != operators().end())
            for (const Signature& s : found->second)
                if (s.args.size() == 2 && exact(s.args[0], known) && exact(s.args[1], known) && s.as.empty())
                    return {Match::found, {static_cast<Func>(s.id), {known, known}, s.result.type}};
    }
    return finish(resolve(operators(), name, std::array{*left, right}));
}

Resolution resolve_function(std::string_view name, std::span<const Type> args) {
    return finish(resolve(functions(), name, args));
}

bool is_aggregate(std::string_view name) {
    return aggregates().contains(name);
}
std::optional<ResolvedAggregate> resolve_aggregate(std::string_view name, std::span<const Type> args) {
    const Resolution r = finish(resolve(aggregates(), name, args));
    if (r.match != Match::found) return {};
    return ResolvedAggregate{static_cast<AggregateFunc>(static_cast<int>(r.resolved.func)), r.resolved.args,
                             r.resolved.result};
}

bool is_window_function(std::string_view name) {
    return windows().contains(name);
}
std::optional<ResolvedWindow> resolve_window(std::string_view name, std::span<const Type> args) {
    const Resolution r = finish(resolve(windows(), name, args));
    if (r.match != Match::found) return {};
    return ResolvedWindow{static_cast<WindowFunc>(static_cast<int>(r.resolved.func)), r.resolved.args,
                          r.resolved.result};
}

bool is_table_function(std::string_view name) {
    return table_functions().contains(name);
}
std::optional<ResolvedTableFunction> resolve_table_function(std::string_view name,
                                                            std::span<const Type> args) {
    const Choice choice = resolve(table_functions(), name, args);
    if (choice.match != Match::found) return {};
    ResolvedTableFunction out{static_cast<TableFunc>(choice.signature->id), choice.args, {}};
    for (const ResultColumn& c : choice.signature->columns)
        out.columns.emplace_back(c.name, concrete(c.type, {}, choice.bindings));
    return out;
}

bool is_function_name(std::string_view name) {
    return functions().contains(name);
}
std::vector<std::string_view> function_names() {
    std::vector<std::string_view> names;
    for (const auto* all : {&functions(), &aggregates(), &windows(), &table_functions()})
        for (const auto& [name, signatures] : *all) names.push_back(name);
    return names;
}

}  // namespace anabranch::sql
