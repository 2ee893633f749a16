#include "confluence/smt/term.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace anabranch::confluence::smt {

namespace {

// Room between neighbouring constants, so that a model can put any number of other texts between two of them.
constexpr std::int64_t CODE_STEP = 1 << 20;

std::string decimal(double value) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.17f", value);
    return buffer;
}

bool plain_decimal(const std::string& text) {
    if (text.empty()) return false;
    for (char c : text) {
        if ((c < '0' || c > '9') && c != '-' && c != '.') return false;
    }
    return true;
}

}  // namespace

Kind kind_of(sql::Type type) {
    if (type.array) return Kind::integer;
    switch (type.id) {
        case sql::TypeId::bool_:
            return Kind::boolean;
        case sql::TypeId::numeric:
        case sql::TypeId::float4:
        case sql::TypeId::float8:
            return Kind::real;
        default:
            return Kind::integer;
    }
}

void Constants::seal() {
    std::int64_t code = 0;
    for (auto& [bytes, number] : codes_) {
        code += CODE_STEP;
        number = code;
        texts_[code] = bytes;
    }
}

std::int64_t Constants::code(std::string_view bytes) const {
    const auto found = codes_.find(bytes);
    if (found != codes_.end()) return found->second;
    std::int64_t hash = 1469598103934665603LL;
    for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619 % 1000003;
    return static_cast<std::int64_t>(codes_.size() + 2) * CODE_STEP + (hash < 0 ? -hash : hash);
}

const std::string* Constants::text(std::int64_t code) const {
    const auto found = texts_.find(code);
    return found == texts_.end() ? nullptr : &found->second;
}

z3::expr Terms::and_(const z3::expr& a, const z3::expr& b) {
    if (a.is_false() || b.is_true()) return a;
    if (b.is_false() || a.is_true()) return b;
    if (z3::eq(a, b)) return a;
    return a && b;
}

z3::expr Terms::or_(const z3::expr& a, const z3::expr& b) {
    if (a.is_true() || b.is_false()) return a;
    if (b.is_true() || a.is_false()) return b;
    if (z3::eq(a, b)) return a;
    return a || b;
}

z3::expr Terms::and_(const std::vector<z3::expr>& list) {
    z3::expr_vector kept(context_);
    for (const z3::expr& e : list) {
        if (e.is_false()) return false_;
        if (!e.is_true()) kept.push_back(e);
    }
    if (kept.empty()) return true_;
    return kept.size() == 1 ? kept[0] : z3::mk_and(kept);
}

z3::expr Terms::or_(const std::vector<z3::expr>& list) {
    z3::expr_vector kept(context_);
    for (const z3::expr& e : list) {
        if (e.is_true()) return true_;
        if (!e.is_false()) kept.push_back(e);
    }
    if (kept.empty()) return false_;
    return kept.size() == 1 ? kept[0] : z3::mk_or(kept);
}

z3::expr Terms::not_(const z3::expr& a) {
    if (a.is_true()) return false_;
    if (a.is_false()) return true_;
    if (a.is_not()) return a.arg(0);
    return !a;
}

z3::expr Terms::equal(const z3::expr& a, const z3::expr& b) {
    if (z3::eq(a, b)) return true_;
    if (a.is_numeral() && b.is_numeral() && a.is_int() && b.is_int()) return false_;
    if (a.is_bool()) {
        if (a.is_true()) return b;
        if (b.is_true()) return a;
        if (a.is_false()) return not_(b);
        if (b.is_false()) return not_(a);
    }
    return a == b;
}

z3::expr Terms::ite(const z3::expr& condition, const z3::expr& yes, const z3::expr& no) {
    if (condition.is_true()) return yes;
    if (condition.is_false()) return no;
    if (z3::eq(yes, no)) return yes;
    if (yes.is_bool()) {
        if (yes.is_true()) return or_(condition, no);
        if (yes.is_false()) return and_(not_(condition), no);
        if (no.is_false()) return and_(condition, yes);
        if (no.is_true()) return or_(not_(condition), yes);
    }
    return z3::ite(condition, yes, no);
}

z3::sort Terms::sort(Kind kind) {
    switch (kind) {
        case Kind::boolean:
            return context_.bool_sort();
        case Kind::integer:
            return context_.int_sort();
        case Kind::real:
            return context_.real_sort();
    }
    return context_.int_sort();
}

z3::expr Terms::zero(Kind kind) {
    switch (kind) {
        case Kind::boolean:
            return false_;
        case Kind::integer:
            return context_.int_val(0);
        case Kind::real:
            return context_.real_val(0);
    }
    return false_;
}

z3::expr Terms::to_kind(const z3::expr& value, Kind from, Kind to) {
    if (from == to) return value;
    if (from == Kind::integer && to == Kind::real) return z3::expr(context_, Z3_mk_int2real(context_, value));
    if (from == Kind::boolean && to == Kind::integer) return ite(value, integer(1), integer(0));
    return function("convert", std::vector<z3::expr>{value}, to);
}

z3::expr Terms::boolean(const std::string& name) {
    return variable(name, Kind::boolean);
}

z3::expr Terms::variable(const std::string& name, Kind kind) {
    const unsigned number = names_[name]++;
    const std::string unique = number == 0 ? name : name + "!" + std::to_string(number);
    return context_.constant(unique.c_str(), sort(kind));
}

Val Terms::unknown(const std::string& name, sql::Type type, bool nullable) {
    const Kind kind = kind_of(type);
    const z3::expr null = nullable ? boolean(name + ".null") : false_;
    const z3::expr value = variable(name, kind);
    return {null, kind == Kind::boolean ? and_(not_(null), value) : value, kind, Mark::none};
}

Val Terms::three_valued(const z3::expr& when_true, const z3::expr& when_false) {
    return {not_(or_(when_true, when_false)), when_true, Kind::boolean, Mark::none};
}

Val Terms::null(sql::Type type) {
    const Kind kind = kind_of(type);
    return {true_, zero(kind), kind, Mark::none};
}

Val Terms::constant(const sql::Const& constant, sql::Type type) {
    if (constant.null) return null(type);
    const Kind kind = kind_of(type);
    switch (kind) {
        case Kind::boolean:
            return boolean_value(context_.bool_val(constant.integer != 0));
        case Kind::integer:
            if (sql::storage_of(type) == sql::Storage::integer) return value(integer(constant.integer), kind);
            return value(integer(constants_.code(constant.bytes)), kind);
        case Kind::real: {
            std::string text =
                sql::storage_of(type) == sql::Storage::floating ? decimal(constant.floating) : constant.bytes;
            if (plain_decimal(text)) return value(context_.real_val(text.c_str()), kind);
            return value(function("constant " + text, std::vector<z3::expr>{}, kind), kind);
        }
    }
    return null(type);
}

Val Terms::choose(const z3::expr& condition, const Val& yes, const Val& no) {
    if (condition.is_true()) return yes;
    if (condition.is_false()) return no;
    const Kind kind = yes.kind == no.kind ? yes.kind : Kind::real;
    const Mark mark = yes.mark == no.mark ? yes.mark : Mark::none;
    const z3::expr a = to_kind(yes.value, yes.kind, kind);
    const z3::expr b = to_kind(no.value, no.kind, kind);
    if (kind == Kind::boolean) return {ite(condition, yes.null, no.null), ite(condition, a, b), kind, mark};
    // A NULL's payload is anything: take the other side's, so that equal values stay equal terms.
    if (yes.null.is_true()) return {ite(condition, yes.null, no.null), b, kind, no.mark};
    if (no.null.is_true()) return {ite(condition, yes.null, no.null), a, kind, yes.mark};
    return {ite(condition, yes.null, no.null), ite(condition, a, b), kind, mark};
}

z3::expr Terms::equal_values(const Val& a, const Val& b) {
    const Kind kind = a.kind == b.kind ? a.kind : Kind::real;
    return and_(
        {not_(a.null), not_(b.null), equal(to_kind(a.value, a.kind, kind), to_kind(b.value, b.kind, kind))});
}

z3::expr Terms::same(const Val& a, const Val& b) {
    return or_(and_(a.null, b.null), equal_values(a, b));
}

z3::expr Terms::function(const std::string& name, const std::vector<z3::expr>& args, Kind result) {
    z3::sort_vector sorts(context_);
    z3::expr_vector list(context_);
    for (const z3::expr& a : args) {
        sorts.push_back(a.get_sort());
        list.push_back(a);
    }
    const std::string full = name + "/" + std::to_string(static_cast<int>(result));
    if (args.empty()) return context_.constant(full.c_str(), sort(result));
    return context_.function(full.c_str(), sorts, sort(result))(list);
}

z3::expr Terms::function(const std::string& name, const std::vector<Val>& args, Kind result) {
    std::vector<z3::expr> flat;
    std::string signature = name;
    for (const Val& a : args) {
        signature += a.kind == Kind::boolean ? 'b' : a.kind == Kind::integer ? 'i' : 'r';
        flat.push_back(a.null);
        flat.push_back(ite(a.null, zero(a.kind), a.value));
    }
    return function(signature, flat, result);
}

}  // namespace anabranch::confluence::smt
