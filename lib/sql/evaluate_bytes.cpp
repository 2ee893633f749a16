// Single bytes and bits of bytea, and text as bytes.
#include <bit>

#include "lib/sql/evaluate_internal.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

// Index within the value, in bytes or bits; fails as PostgreSQL does.
bool in_range(EvalContext& c, std::int64_t index, std::size_t count) {
    if (index >= 0 && static_cast<std::uint64_t>(index) < count) return true;
    c.fail("2202E", "index " + std::to_string(index) + " out of valid range, 0.." +
                        std::to_string(static_cast<std::int64_t>(count) - 1));
    return false;
}

Datum get_byte(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view bytes = args[0].as_bytes();
    const std::int64_t at = args[1].as_integer();
    if (!in_range(c, at, bytes.size())) return {};
    return Datum::integer(static_cast<unsigned char>(bytes[static_cast<std::size_t>(at)]));
}
Datum set_byte(EvalContext& c, const CallSite&, const Datum* args) {
    std::string bytes(args[0].as_bytes());
    const std::int64_t at = args[1].as_integer();
    if (!in_range(c, at, bytes.size())) return {};
    bytes[static_cast<std::size_t>(at)] = static_cast<char>(args[2].as_integer());
    return make_bytes(c, bytes);
}
// Bits count from the right end of each byte.
Datum get_bit(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view bytes = args[0].as_bytes();
    const std::int64_t at = args[1].as_integer();
    if (!in_range(c, at, bytes.size() * 8)) return {};
    return Datum::integer(static_cast<unsigned char>(bytes[static_cast<std::size_t>(at) / 8]) >> (at % 8) &
                          1);
}
Datum set_bit(EvalContext& c, const CallSite&, const Datum* args) {
    std::string bytes(args[0].as_bytes());
    const std::int64_t at = args[1].as_integer(), value = args[2].as_integer();
    if (!in_range(c, at, bytes.size() * 8)) return {};
    if (value != 0 && value != 1) return c.fail("22023", "new bit must be 0 or 1");
    char& byte = bytes[static_cast<std::size_t>(at) / 8];
    const int mask = 1 << (at % 8);
    byte = static_cast<char>(value == 1 ? byte | mask : byte & ~mask);
    return make_bytes(c, bytes);
}
Datum bit_count(EvalContext&, const CallSite&, const Datum* args) {
    std::int64_t count = 0;
    for (const char byte : args[0].as_bytes()) count += std::popcount(static_cast<unsigned char>(byte));
    return Datum::integer(count);
}
Datum bit_length(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::integer(static_cast<std::int64_t>(args[0].as_bytes().size()) * 8);
}

bool is_utf8(EvalContext& c, std::string_view name) {
    std::string plain;
    for (const char letter : name)
        if (letter != '-' && letter != '_')
            plain += static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    if (plain == "utf8" || plain == "unicode" || plain == "sqlascii") return true;
    c.fail(sqlstate::feature_not_supported, "the encoding \"" + std::string(name) + "\" is not supported");
    return false;
}
Datum convert_from(EvalContext& c, const CallSite&, const Datum* args) {
    if (!is_utf8(c, args[1].as_bytes())) return {};
    return unwrap(c, parse_text({TypeId::text}, args[0].as_bytes(), c.arena));
}
Datum convert_to(EvalContext& c, const CallSite&, const Datum* args) {
    return is_utf8(c, args[1].as_bytes()) ? args[0] : Datum();
}

}  // namespace

Kernel bytes_kernel(Func func, std::span<const Type>, Type) {
    switch (func) {
        case Func::get_byte:
            return strict_call<get_byte, 2>;
        case Func::set_byte:
            return strict_call<set_byte, 3>;
        case Func::get_bit:
            return strict_call<get_bit, 2>;
        case Func::set_bit:
            return strict_call<set_bit, 3>;
        case Func::bit_count:
            return strict_call<bit_count, 1>;
        case Func::bit_length:
            return strict_call<bit_length, 1>;
        case Func::convert_from:
            return strict_call<convert_from, 2>;
        case Func::convert_to:
            return strict_call<convert_to, 2>;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
