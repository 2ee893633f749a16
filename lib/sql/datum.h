// Datum: one SQL value in 16 bytes, trivially copyable. Its type is known from the plan, not stored. Bytes
// are borrowed: they live in an Arena or in a stored row, at least until the transaction that uses them ends.
#pragma once

#include <cstdint>
#include <string_view>

namespace anabranch::sql {

class Datum {
  public:
    constexpr Datum() = default;  // NULL
    static constexpr Datum null() { return {}; }
    static constexpr Datum integer(std::int64_t v) {
        Datum d;
        d.kind_ = Kind::integer;
        d.integer_ = v;
        return d;
    }
    static constexpr Datum boolean(bool v) { return integer(v ? 1 : 0); }
    static constexpr Datum floating(double v) {
        Datum d;
        d.kind_ = Kind::floating;
        d.floating_ = v;
        return d;
    }
    static constexpr Datum bytes(std::string_view v) {
        Datum d;
        d.kind_ = Kind::bytes;
        d.size_ = static_cast<std::uint32_t>(v.size());
        d.bytes_ = v.data();
        return d;
    }

    constexpr bool is_null() const { return kind_ == Kind::null; }
    constexpr std::int64_t as_integer() const { return integer_; }
    constexpr bool as_bool() const { return integer_ != 0; }
    constexpr double as_floating() const { return floating_; }
    constexpr std::string_view as_bytes() const { return {bytes_, size_}; }
    // Same storage kind and same content: identity of representation, not SQL equality (numeric 1.0 and 1.00
    // differ).
    friend constexpr bool identical(const Datum& a, const Datum& b) {
        if (a.kind_ != b.kind_) return false;
        switch (a.kind_) {
            case Kind::null:
                return true;
            case Kind::integer:
                return a.integer_ == b.integer_;
            case Kind::floating:
                return a.floating_ == b.floating_;
            case Kind::bytes:
                return a.as_bytes() == b.as_bytes();
        }
        return false;
    }
    constexpr bool is_bytes() const { return kind_ == Kind::bytes; }
    constexpr bool is_floating() const { return kind_ == Kind::floating; }

  private:
    enum class Kind : std::uint8_t { null, integer, floating, bytes };
    union {
        std::int64_t integer_ = 0;
        double floating_;
        const char* bytes_;
    };
    std::uint32_t size_ = 0;
    Kind kind_ = Kind::null;
};
static_assert(sizeof(Datum) == 16);

}  // namespace anabranch::sql
