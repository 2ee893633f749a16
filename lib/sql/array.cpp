#include "lib/sql/array.h"

#include <algorithm>
#include <charconv>

#include "lib/sql/value.h"
#include "lib/sql/wire_words.h"

namespace anabranch::sql {

void write_element(Storage storage, Datum value, ByteWriter& out) {
    out.u8(value.is_null() ? 0 : 1);
    if (value.is_null()) return;
    switch (storage) {
        case Storage::integer:
            out.u64(static_cast<std::uint64_t>(value.as_integer()));
            break;
        case Storage::floating:
            out.f64(value.as_floating());
            break;
        case Storage::bytes:
            out.sized(value.as_bytes());
            break;
    }
}

Datum read_element(Storage storage, ByteReader& in) {
    if (in.u8() == 0) return {};
    switch (storage) {
        case Storage::integer:
            return Datum::integer(static_cast<std::int64_t>(in.u64()));
        case Storage::floating:
            return Datum::floating(in.f64());
        case Storage::bytes:
            return Datum::bytes(in.sized());
    }
    return {};
}

ArrayReader::ArrayReader(Type array, std::string_view bytes)
    : storage_(storage_of(element_of(array))), in_(bytes) {
    const std::uint64_t count = in_.varint();
    if (count == 0 || count > dimensions_max) return;
    std::uint64_t size = 1;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t n = in_.varint();
        dimensions_[i].size = static_cast<std::int32_t>(std::min<std::uint64_t>(n, INT32_MAX));
        dimensions_[i].lower =
            static_cast<std::int32_t>(std::clamp<std::int64_t>(in_.zigzag(), INT32_MIN, INT32_MAX));
        size = n > in_.left() ? in_.left() + 1 : size * n;
        if (in_.failed() || size > in_.left()) return;  // an element takes a byte at least
    }
    if (size == 0) return;
    dimension_count_ = static_cast<std::size_t>(count);
    size_ = static_cast<std::size_t>(size);
}

Datum ArrayReader::next() {
    ++index_;
    const Datum out = read_element(storage_, in_);
    return in_.failed() ? Datum() : out;
}

std::vector<Datum> array_elements(Type array, std::string_view bytes) {
    ArrayReader reader(array, bytes);
    std::vector<Datum> out;
    out.reserve(reader.size());
    while (!reader.done()) out.push_back(reader.next());
    return out;
}

void write_array(Type array, std::span<const ArrayDimension> dimensions, std::span<const Datum> elements,
                 std::string& out) {
    ByteWriter writer(out);
    writer.varint(elements.empty() ? 0 : dimensions.size());
    if (elements.empty()) return;
    for (const ArrayDimension& d : dimensions) {
        writer.varint(static_cast<std::uint64_t>(d.size));
        writer.zigzag(d.lower);
    }
    const Storage storage = storage_of(element_of(array));
    for (const Datum& element : elements) write_element(storage, element, writer);
}

void write_array(Type array, std::span<const Datum> elements, std::string& out, std::int32_t lower) {
    const ArrayDimension one{static_cast<std::int32_t>(elements.size()), lower};
    write_array(array, {&one, 1}, elements, out);
}

int compare_arrays(Type array, std::string_view a, std::string_view b) {
    const Type element = element_of(array);
    ArrayReader x(array, a);
    ArrayReader y(array, b);
    while (!x.done() && !y.done()) {
        const Datum l = x.next();
        const Datum r = y.next();
        if (l.is_null() && r.is_null()) continue;
        if (l.is_null()) return 1;
        if (r.is_null()) return -1;
        if (const int c = compare(element, l, r); c != 0) return c;
    }
    if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    if (x.dimensions().size() != y.dimensions().size())
        return x.dimensions().size() < y.dimensions().size() ? -1 : 1;
    for (std::size_t i = 0; i < x.dimensions().size(); ++i) {
        const ArrayDimension& l = x.dimensions()[i];
        const ArrayDimension& r = y.dimensions()[i];
        if (l.size != r.size) return l.size < r.size ? -1 : 1;
        if (l.lower != r.lower) return l.lower < r.lower ? -1 : 1;
    }
    return 0;
}

// ---- Text ----

namespace {

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool says_null(std::string_view text) {
    constexpr std::string_view null = "null";
    return text.size() == 4 &&
           std::equal(text.begin(), text.end(), null.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

bool needs_quotes(std::string_view text) {
    return text.empty() || says_null(text) || std::any_of(text.begin(), text.end(), [](char c) {
               return c == '{' || c == '}' || c == ',' || c == '"' || c == '\\' || is_space(c);
           });
}

class ArrayParser {
  public:
    ArrayParser(Type array, std::string_view text, Arena& arena, const EnumLabels* labels)
        : array_(array),
          element_(element_of(array)),
          text_(text),
          rest_(text),
          arena_(arena),
          labels_(labels) {
        element_.modifier = array.modifier;
    }

    Result<Datum> parse() {
        skip();
        TRY_VOID(bounds());
        if (!take('{')) return malformed("Array value must start with \"{\" or dimension information.");
        TRY_VOID(level(0));
        skip();
        if (!rest_.empty()) return malformed("Junk after closing right brace.");
        if (!elements_.empty() && !given_.empty()) {
            if (given_.size() != depth_)
                return malformed("Specified array dimensions do not match array contents.");
            for (std::size_t i = 0; i < depth_; ++i) {
                if (given_[i].size != sizes_[i])
                    return malformed("Specified array dimensions do not match array contents.");
            }
        }
        std::vector<ArrayDimension> dimensions;
        for (std::size_t i = 0; i < depth_; ++i)
            dimensions.push_back({sizes_[i], given_.empty() ? 1 : given_[i].lower});
        std::string out;
        write_array(array_, dimensions, elements_, out);
        return Datum::bytes(arena_.copy(out));
    }

  private:
    void skip() {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::unexpected<Error> malformed(std::string detail) const {
        return std::unexpected(Error::make(sqlstate::invalid_text_representation,
                                           "malformed array literal: \"" + std::string(text_) + "\"")
                                   .with_detail(std::move(detail)));
    }
    bool number(std::int32_t& out) {
        if (rest_.starts_with('+')) rest_.remove_prefix(1);
        const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return status == std::errc{};
    }

    // [lower:upper][...]=
    Result<void> bounds() {
        while (take('[')) {
            std::int32_t first = 1;
            std::int32_t last = 0;
            if (!number(last)) return malformed("Missing array dimension value.");
            if (take(':')) {
                first = last;
                if (!number(last)) return malformed("Missing array dimension value.");
            }
            if (!take(']')) return malformed("Missing \"]\" after array dimensions.");
            if (last < first) return fail("2202E", "upper bound cannot be less than lower bound");
            if (given_.size() == ArrayReader::dimensions_max) return too_many();
            if (static_cast<std::int64_t>(last) - first >= INT32_MAX) return malformed("Array is too large.");
            given_.push_back({last - first + 1, first});
            skip();
        }
        if (given_.empty()) return {};
        if (!take('=')) return malformed("Missing \"=\" after array dimensions.");
        skip();
        return {};
    }
    static std::unexpected<Error> too_many() {
        return fail("54000", "number of array dimensions exceeds the maximum allowed (6)");
    }

    // After '{': items up to '}' at nesting `depth`.
    Result<void> level(std::size_t depth) {
        if (depth >= ArrayReader::dimensions_max) return too_many();
        std::int32_t count = 0;
        for (;;) {
            skip();
            if (count == 0 && take('}')) break;
            if (take('{')) {
                if (depth_ == depth + 1 && count == 0 && depth_known_) return ragged();
                TRY_VOID(level(depth + 1));
            } else {
                if (!depth_known_) {
                    depth_ = depth + 1;
                    depth_known_ = true;
                }
                if (depth_ != depth + 1) return ragged();
                TRY_VOID(item());
            }
            ++count;
            skip();
            if (take('}')) break;
            if (!take(','))
                return malformed(rest_.empty() ? "Unexpected end of input." : "Unexpected array element.");
        }
        if (!depth_known_) {  // {} or {{}}: empty
            depth_ = depth + 1;
            depth_known_ = true;
        }
        if (sizes_[depth] < 0) sizes_[depth] = count;
        if (sizes_[depth] != count) return ragged();
        return {};
    }
    std::unexpected<Error> ragged() const {
        return malformed("Multidimensional arrays must have sub-arrays with matching dimensions.");
    }

    Result<void> item() {
        std::string content;
        bool quoted = false;
        std::size_t kept = 0;  // trailing blanks after this are not part of an unquoted item
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (c == '"') {
                if (quoted || !content.empty()) return malformed("Unexpected array element.");
                TRY_VOID(quotes(content));
                quoted = true;
                kept = content.size();
                continue;
            }
            if (c == ',' || c == '}') break;
            if (c == '{') return malformed("Unexpected \"{\" character.");
            if (quoted && !is_space(c)) return malformed("Unexpected array element.");
            if (c == '\\') {
                rest_.remove_prefix(1);
                if (rest_.empty()) break;
            }
            content += rest_.front();
            if (c == '\\' || !is_space(c)) kept = content.size();
            rest_.remove_prefix(1);
        }
        if (rest_.empty()) return malformed("Unexpected end of input.");
        content.resize(kept);
        if (!quoted && content.empty())
            return malformed("Unexpected \"" + std::string(rest_.substr(0, 1)) + "\" character.");
        if (!quoted && says_null(content)) {
            elements_.emplace_back();
            return {};
        }
        TRY(const Datum value, parse_text(element_, content, arena_, labels_));
        elements_.push_back(value);
        return {};
    }
    Result<void> quotes(std::string& content) {
        rest_.remove_prefix(1);
        for (;;) {
            if (rest_.empty()) return malformed("Unexpected end of input.");
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return {};
            if (c == '\\') {
                if (rest_.empty()) return malformed("Unexpected end of input.");
                c = rest_.front();
                rest_.remove_prefix(1);
            }
            content += c;
        }
    }

    Type array_, element_;
    std::string_view text_, rest_;
    Arena& arena_;
    const EnumLabels* labels_;
    std::vector<ArrayDimension> given_;
    std::vector<Datum> elements_;
    std::int32_t sizes_[ArrayReader::dimensions_max] = {-1, -1, -1, -1, -1, -1};
    std::size_t depth_ = 0;
    bool depth_known_ = false;
};

void print_level(ArrayReader& reader, Type element, std::size_t depth, std::string& out,
                 const EnumLabels* labels) {
    out += '{';
    const bool leaf = depth + 1 == reader.dimensions().size();
    for (std::int32_t i = 0; i < reader.dimensions()[depth].size; ++i) {
        if (i > 0) out += ',';
        if (!leaf) {
            print_level(reader, element, depth + 1, out, labels);
            continue;
        }
        const Datum value = reader.next();
        if (value.is_null()) {
            out += "NULL";
            continue;
        }
        std::string text;
        print_text(element, value, text, labels);
        if (!needs_quotes(text)) {
            out += text;
            continue;
        }
        out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        out += '"';
    }
    out += '}';
}

void print_vector(ArrayReader& reader, std::string& out) {
    if (reader.dimensions().empty()) return;
    for (std::int32_t i = 0; i < reader.dimensions()[0].size; ++i)
        out += (i > 0 ? " " : "") + std::to_string(reader.next().as_integer());
}

}  // namespace

Result<Datum> parse_array(Type array, std::string_view text, Arena& arena, const EnumLabels* labels) {
    return ArrayParser(array, text, arena, labels).parse();
}

void print_array(Type array, std::string_view bytes, std::string& out, const EnumLabels* labels) {
    ArrayReader reader(array, bytes);
    if (array.modifier == vector_modifier && (array.id == TypeId::int2 || array.id == TypeId::oid))
        return print_vector(reader, out);
    if (reader.dimensions().empty()) {
        out += "{}";
        return;
    }
    const bool plain = std::all_of(reader.dimensions().begin(), reader.dimensions().end(),
                                   [](const ArrayDimension& d) { return d.lower == 1; });
    if (!plain) {
        for (const ArrayDimension& d : reader.dimensions()) {
            out += '[' + std::to_string(d.lower) + ':' + std::to_string(std::int64_t{d.lower} + d.size - 1) +
                   ']';
        }
        out += '=';
    }
    print_level(reader, element_of(array), 0, out, labels);
}

// ---- Binary ----

Result<Datum> parse_array_binary(Type array, std::string_view bytes, Arena& arena, const EnumLabels* labels) {
    const auto bad = [](const char* what) {
        return fail("22P03", std::string("invalid binary array: ") + what);
    };
    WordReader in(bytes);
    const auto count = in.get<std::uint32_t>();
    in.get<std::uint32_t>();  // whether there are NULLs: the elements say so themselves
    const auto oid = in.get<std::uint32_t>();
    if (in.failed() || count > ArrayReader::dimensions_max) return bad("header");
    Type element = element_of(array);
    if (oid != oid_of(element))
        return fail(sqlstate::datatype_mismatch, "binary data has array element type " + std::to_string(oid) +
                                                     " instead of expected " +
                                                     std::to_string(oid_of(element)));
    element.modifier = array.modifier;
    std::vector<ArrayDimension> dimensions(count);
    std::uint64_t size = count == 0 ? 0 : 1;
    for (ArrayDimension& d : dimensions) {
        d.size = in.get<std::int32_t>();
        d.lower = in.get<std::int32_t>();
        if (in.failed() || d.size < 0) return bad("dimension");
        size *= static_cast<std::uint64_t>(d.size);
        if (size > in.left() / 4) return bad("too few elements");  // an element has a size word at least
    }
    std::vector<Datum> elements;
    for (std::uint64_t i = 0; i < size; ++i) {
        const auto length = in.get<std::int32_t>();
        if (length < 0) {
            elements.emplace_back();
            continue;
        }
        const std::string_view content = in.raw(static_cast<std::size_t>(length));
        if (in.failed()) return bad("too short");
        TRY(const Datum value, parse_binary(element, content, arena, labels));
        elements.push_back(value);
    }
    if (!in.complete()) return bad("size");
    std::string out;
    write_array(array, dimensions, elements, out);
    return Datum::bytes(arena.copy(out));
}

void print_array_binary(Type array, std::string_view bytes, std::string& out, const EnumLabels* labels) {
    const std::vector<Datum> elements = array_elements(array, bytes);
    const ArrayReader shape(array, bytes);
    const Type element = element_of(array);
    put_word(out, static_cast<std::uint32_t>(shape.dimensions().size()));
    put_word(out, static_cast<std::uint32_t>(std::any_of(elements.begin(), elements.end(),
                                                         [](const Datum& d) { return d.is_null(); })));
    put_word(out, oid_of(element));
    for (const ArrayDimension& d : shape.dimensions()) {
        put_word(out, d.size);
        put_word(out, d.lower);
    }
    for (const Datum& value : elements) {
        const std::size_t at = out.size();
        put_word(out, std::int32_t{-1});
        if (value.is_null()) continue;
        print_binary(element, value, out, labels);
        set_size(out, at, out.size() - at - 4);
    }
}

}  // namespace anabranch::sql
