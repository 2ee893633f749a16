#include "lib/sql/json_value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/sql/key.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {
namespace {

using Kind = JsonValue::Kind;

// Builds the tree from the parser's events.
class Builder {
  public:
    using Json = nlohmann::json;
    // `numbers`: as they are written, one after the other, where the parser is shown others.
    explicit Builder(bool binary, std::span<const std::string_view> numbers = {})
        : binary_(binary), numbers_(numbers) {}

    bool null() { return place({}) != nullptr; }
    bool boolean(bool value) { return place(JsonValue::of_bool(value)) != nullptr; }
    bool number_integer(Json::number_integer_t value) {  // begins with a minus sign
        return number(value == 0 ? "-0" : std::to_string(value));
    }
    bool number_unsigned(Json::number_unsigned_t value) { return number(std::to_string(value)); }
    bool number_float(Json::number_float_t, const Json::string_t& text) { return number(text); }
    bool binary(Json::binary_t&) { return false; }
    bool string(Json::string_t& text) {
        if (!check(text)) return false;
        JsonValue value;
        value.kind = Kind::string;
        value.text = std::move(text);
        return place(std::move(value)) != nullptr;
    }
    bool key(Json::string_t& text) {
        if (!check(text)) return false;
        stack_.back()->fields.emplace_back(std::move(text), JsonValue());
        return true;
    }
    bool start_object(std::size_t) { return open(Kind::object); }
    bool start_array(std::size_t) { return open(Kind::array); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool parse_error(std::size_t position, const std::string& token,
                     const nlohmann::detail::exception& reason) {
        constexpr int out_of_range_of_double = 406;
        has_large_number_ = reason.id == out_of_range_of_double;
        error_ = Error::make(sqlstate::invalid_text_representation, "invalid input syntax for type json")
                     .with_detail(token.empty() ? "The input string ended unexpectedly."
                                                : "Token \"" + token + "\" is invalid at character " +
                                                      std::to_string(position) + ".");
        return false;
    }

    JsonValue& root() { return root_; }
    const Error& error() const { return error_; }
    bool has_large_number() const { return has_large_number_; }  // and was not read further

  private:
    bool number(std::string_view text) {
        if (!numbers_.empty()) {
            text = numbers_.front();
            numbers_ = numbers_.subspan(1);
        }
        if (!binary_) return place(JsonValue::of_number(text)) != nullptr;
        Result<std::string> canonical = numeric_parse(text);
        if (!canonical) {
            error_ = std::move(canonical).error();
            return false;
        }
        return place(JsonValue::of_number(*canonical)) != nullptr;
    }
    bool check(const std::string& text) {
        if (!binary_ || text.find('\0') == std::string::npos) return true;
        error_ = Error::make("22P05", "unsupported Unicode escape sequence")
                     .with_detail("\\u0000 cannot be converted to text.");
        return false;
    }
    JsonValue* place(JsonValue value) {
        JsonValue* at = &root_;
        if (!stack_.empty()) {
            JsonValue& parent = *stack_.back();
            if (parent.kind == Kind::array) {
                at = &parent.items.emplace_back();
            } else {
                at = &parent.fields.back().second;
            }
        }
        *at = std::move(value);
        return at;
    }
    bool open(Kind kind) {
        if (stack_.size() >= json_depth_max) {
            error_ =
                Error::make("54001", "stack depth limit exceeded")
                    .with_detail("JSON may be nested " + std::to_string(json_depth_max) + " levels deep.");
            return false;
        }
        JsonValue value;
        value.kind = kind;
        stack_.push_back(place(std::move(value)));
        return true;
    }
    bool close() {
        stack_.pop_back();
        return true;
    }

    bool binary_;
    std::span<const std::string_view> numbers_;
    bool has_large_number_ = false;
    JsonValue root_;
    std::vector<JsonValue*>
        stack_;  // a value's address holds until its next sibling is placed, when it is closed
    Error error_;
};

// The length of the number that `text` begins with; 0: it begins with none.
std::size_t number_length(std::string_view text) {
    std::size_t at = 0;
    const auto one_of = [&](std::string_view any) {
        if (at == text.size() || !any.contains(text[at])) return false;
        ++at;
        return true;
    };
    const auto digits = [&] {
        const std::size_t from = at;
        while (one_of("0123456789")) {
        }
        return at > from;
    };
    (void)one_of("-");
    if (!one_of("0") && !digits()) return 0;
    std::size_t end = at;
    if (one_of(".") && digits()) end = at;
    at = end;
    if (one_of("eE")) {
        (void)one_of("+-");
        if (digits()) end = at;
    }
    return end;
}

// The parser refuses a number that no double holds, though it hands the digits on. It is shown zero in its
// place, of the same length; `numbers` gets what all of them are. `text` is JSON up to where an error is.
std::string with_small_numbers(std::string_view text, std::vector<std::string_view>& numbers) {
    std::string out(text);
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at)
                if (text[at] == '\\') ++at;
            ++at;
            continue;
        }
        const std::size_t length = number_length(text.substr(at));
        if (length == 0) {
            ++at;
            continue;
        }
        const std::string_view number = numbers.emplace_back(text.substr(at, length));
        if (!std::isfinite(std::strtod(std::string(number).c_str(), nullptr))) {
            std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), length, '0');
            out[at + 1] = '.';
        }
        at += length;
    }
    return out;
}

bool key_before(std::string_view a, std::string_view b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
}

// Null < string < number < boolean < array < object.
int rank(Kind kind) {
    switch (kind) {
        case Kind::null:
            return 0;
        case Kind::string:
            return 1;
        case Kind::number:
            return 2;
        case Kind::boolean:
            return 3;
        case Kind::array:
            return 4;
        case Kind::object:
            return 5;
    }
    return 0;
}

int sign(int c) {
    return c < 0 ? -1 : (c > 0 ? 1 : 0);
}

int compare_sizes(std::size_t a, std::size_t b) {
    return a < b ? -1 : (a > b ? 1 : 0);
}

int compare_nested(const JsonValue& a, const JsonValue& b) {
    if (a.kind != b.kind) return sign(rank(a.kind) - rank(b.kind));
    switch (a.kind) {
        case Kind::null:
            return 0;
        case Kind::boolean:
            return static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
        case Kind::number:
            return numeric_compare(a.text, b.text);
        case Kind::string:
            return sign(a.text.compare(b.text));
        case Kind::array:
            if (const int c = compare_sizes(a.items.size(), b.items.size()); c != 0) return c;
            for (std::size_t i = 0; i < a.items.size(); ++i) {
                if (const int c = compare_nested(a.items[i], b.items[i]); c != 0) return c;
            }
            return 0;
        case Kind::object:
            if (const int c = compare_sizes(a.fields.size(), b.fields.size()); c != 0) return c;
            for (std::size_t i = 0; i < a.fields.size(); ++i) {
                if (const int c = sign(a.fields[i].first.compare(b.fields[i].first)); c != 0) return c;
                if (const int c = compare_nested(a.fields[i].second, b.fields[i].second); c != 0) return c;
            }
            return 0;
    }
    return 0;
}

bool is_empty_array(const JsonValue& value) {
    return value.kind == Kind::array && value.items.empty();
}

bool contains_nested(const JsonValue& whole, const JsonValue& part) {
    if (whole.kind != part.kind) return false;
    if (whole.kind == Kind::object) {
        return std::all_of(part.fields.begin(), part.fields.end(), [&](const auto& field) {
            const JsonValue* value = whole.find(field.first);
            return value != nullptr && contains_nested(*value, field.second);
        });
    }
    if (whole.kind == Kind::array) {
        return std::all_of(part.items.begin(), part.items.end(), [&](const JsonValue& wanted) {
            return std::any_of(whole.items.begin(), whole.items.end(),
                               [&](const JsonValue& item) { return contains_nested(item, wanted); });
        });
    }
    return compare_nested(whole, part) == 0;
}

void print_indented(const JsonValue& value, std::string& out, std::size_t depth) {
    const auto line = [&](std::size_t d) {
        out += '\n';
        out.append(4 * d, ' ');
    };
    if (value.scalar()) {
        print_json(value, out);
        return;
    }
    const bool object = value.kind == Kind::object;
    const std::size_t count = object ? value.fields.size() : value.items.size();
    out += object ? '{' : '[';
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += ',';
        line(depth + 1);
        if (object) {
            print_json_string(value.fields[i].first, out);
            out += ": ";
        }
        print_indented(object ? value.fields[i].second : value.items[i], out, depth + 1);
    }
    line(depth);
    out += object ? '}' : ']';
}

void encode_nested(const JsonValue& value, std::string& out) {
    out += static_cast<char>(0x10 + rank(value.kind));
    const auto count = [&](std::size_t n) {
        encode_key_part(out, {TypeId::int8}, Datum::integer(static_cast<std::int64_t>(n)));
    };
    switch (value.kind) {
        case Kind::null:
            return;
        case Kind::boolean:
            out += value.boolean ? '\1' : '\0';
            return;
        case Kind::number:
            return encode_key_part(out, {TypeId::numeric}, Datum::bytes(value.text));
        case Kind::string:
            return encode_key_part(out, {TypeId::text}, Datum::bytes(value.text));
        case Kind::array:
            count(value.items.size());
            for (const JsonValue& item : value.items) encode_nested(item, out);
            return;
        case Kind::object:
            count(value.fields.size());
            for (const auto& [key, item] : value.fields) {
                encode_key_part(out, {TypeId::text}, Datum::bytes(key));
                encode_nested(item, out);
            }
            return;
    }
}

}  // namespace

JsonValue JsonValue::of_string(std::string_view content) {
    JsonValue out;
    out.kind = Kind::string;
    out.text = content;
    return out;
}
JsonValue JsonValue::of_number(std::string_view number) {
    JsonValue out;
    out.kind = Kind::number;
    out.text = number;
    return out;
}
JsonValue JsonValue::of_bool(bool value) {
    JsonValue out;
    out.kind = Kind::boolean;
    out.boolean = value;
    return out;
}

const JsonValue* JsonValue::find(std::string_view key) const {
    if (kind != Kind::object) return nullptr;
    const auto at =
        std::find_if(fields.rbegin(), fields.rend(), [&](const auto& field) { return field.first == key; });
    return at == fields.rend() ? nullptr : &at->second;
}

const JsonValue* JsonValue::at(std::int64_t index) const {
    if (kind != Kind::array) return nullptr;
    const auto size = static_cast<std::int64_t>(items.size());
    if (index < 0) index += size;
    return index < 0 || index >= size ? nullptr : &items[static_cast<std::size_t>(index)];
}

Result<JsonValue> parse_json(std::string_view text, bool binary) {
    Builder builder(binary);
    bool read = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
    if (builder.has_large_number()) {
        std::vector<std::string_view> numbers;
        const std::string small = with_small_numbers(text, numbers);
        builder = Builder(binary, numbers);
        read = nlohmann::json::sax_parse(small.begin(), small.end(), &builder);
    }
    if (!read) return std::unexpected(builder.error());
    if (binary) normalise(builder.root());
    return std::move(builder.root());
}

JsonValue read_json(std::string_view stored) {
    Result<JsonValue> value = parse_json(stored, true);
    return value ? std::move(*value) : JsonValue();
}

void normalise(JsonValue& value) {
    for (JsonValue& item : value.items) normalise(item);
    for (auto& [key, item] : value.fields) normalise(item);
    auto& fields = value.fields;
    std::stable_sort(fields.begin(), fields.end(),
                     [](const auto& a, const auto& b) { return key_before(a.first, b.first); });
    // Of equal keys the last one stays.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i + 1 < fields.size() && fields[i].first == fields[i + 1].first) continue;
        if (kept != i) fields[kept] = std::move(fields[i]);
        ++kept;
    }
    fields.resize(kept);
}

void print_json_string(std::string_view text, std::string& out) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out += "\\u00";
                    out += hex(BytesView(&c, 1));
                } else {
                    out += c;
                }
        }
    }
    out += '"';
}

void print_json(const JsonValue& value, std::string& out) {
    switch (value.kind) {
        case Kind::null:
            out += "null";
            return;
        case Kind::boolean:
            out += value.boolean ? "true" : "false";
            return;
        case Kind::number:
            out += value.text;
            return;
        case Kind::string:
            print_json_string(value.text, out);
            return;
        case Kind::array:
            out += '[';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ", ";
                print_json(value.items[i], out);
            }
            out += ']';
            return;
        case Kind::object:
            out += '{';
            for (std::size_t i = 0; i < value.fields.size(); ++i) {
                if (i > 0) out += ", ";
                print_json_string(value.fields[i].first, out);
                out += ": ";
                print_json(value.fields[i].second, out);
            }
            out += '}';
            return;
    }
}

void print_json_pretty(const JsonValue& value, std::string& out) {
    print_indented(value, out, 0);
}

int compare_json(const JsonValue& a, const JsonValue& b) {
    // PostgreSQL's one exception, at the top only: an empty array is below every scalar.
    if (is_empty_array(a) && b.scalar()) return -1;
    if (is_empty_array(b) && a.scalar()) return 1;
    return compare_nested(a, b);
}

bool json_contains(const JsonValue& whole, const JsonValue& part) {
    if (whole.kind == Kind::array && part.scalar()) {
        return std::any_of(whole.items.begin(), whole.items.end(),
                           [&](const JsonValue& item) { return compare_nested(item, part) == 0; });
    }
    return contains_nested(whole, part);
}

void encode_json_key(const JsonValue& value, std::string& out) {
    if (is_empty_array(value)) {
        out += '\1';
        return;
    }
    encode_nested(value, out);
}

}  // namespace anabranch::sql
