#include "confluence/smt/literal.h"

#include <cstdio>

namespace anabranch::confluence::smt {

std::string literal_of(const z3::model& model, const Val& value, sql::Type type, const Constants& constants) {
    if (type.array) return {};
    if (model.eval(value.null, true).is_true()) return "NULL";
    const z3::expr v = model.eval(value.value, true);
    switch (value.kind) {
        case Kind::boolean:
            return v.is_true() ? "TRUE" : "FALSE";
        case Kind::real:
            return v.is_numeral() ? v.get_decimal_string(6) : std::string{};
        case Kind::integer:
            break;
    }
    std::int64_t code = 0;
    if (!v.is_numeral_i64(code)) return {};
    if (sql::is_integer(type)) return std::to_string(code);
    const std::string* text = constants.text(code);
    switch (type.id) {
        case sql::TypeId::text:
        case sql::TypeId::varchar:
        case sql::TypeId::bpchar: {
            if (text == nullptr) return "'v" + std::to_string(code < 0 ? -code : code) + "'";
            std::string quoted = "'";
            for (char c : *text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
            return quoted + "'";
        }
        case sql::TypeId::uuid: {
            char buffer[64];
            std::snprintf(buffer, sizeof buffer, "'00000000-0000-4000-8000-%012llx'",
                          static_cast<unsigned long long>(code) & 0xffffffffffffULL);
            return buffer;
        }
        default:
            return {};
    }
}

}  // namespace anabranch::confluence::smt
