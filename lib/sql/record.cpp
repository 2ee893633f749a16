#include "lib/sql/record.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/sql/array.h"
#include "lib/sql/value.h"
#include "lib/sql/wire_words.h"

namespace anabranch::sql {

std::vector<RecordField> read_record(std::string_view bytes) {
    ByteReader in(bytes);
    const std::uint64_t count = in.varint();
    std::vector<RecordField> out;
    for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
        RecordField field;
        field.name = in.sized();
        const std::uint8_t id = in.u8();
        if (id > static_cast<std::uint8_t>(TypeId::record)) return {};
        field.type.id = static_cast<TypeId>(id);
        field.type.array = in.u8() != 0;
        field.type.modifier = static_cast<std::int32_t>(in.u32());
        field.type.detail = in.u32();
        field.value = read_element(storage_of(field.type), in);
        out.push_back(field);
    }
    if (in.failed()) return {};
    return out;
}

void write_record(std::span<const RecordField> fields, std::string& out) {
    ByteWriter writer(out);
    writer.varint(fields.size());
    for (const RecordField& field : fields) {
        writer.sized(field.name);
        writer.u8(static_cast<std::uint8_t>(field.type.id));
        writer.u8(field.type.array ? 1 : 0);
        writer.u32(static_cast<std::uint32_t>(field.type.modifier));
        writer.u32(field.type.detail);
        write_element(storage_of(field.type), field.value, writer);
    }
}

void print_record(std::string_view bytes, std::string& out, const EnumLabels* labels) {
    out += '(';
    bool first = true;
    for (const RecordField& field : read_record(bytes)) {
        if (!first) out += ',';
        first = false;
        if (field.value.is_null()) continue;
        std::string text;
        print_text(field.type, field.value, text, labels);
        const bool quote = text.empty() || text.find_first_of("\"\\(), \t\n\v\f\r") != std::string::npos;
        if (quote) out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') out += c;
            out += c;
        }
        if (quote) out += '"';
    }
    out += ')';
}

void print_record_binary(std::string_view bytes, std::string& out, const EnumLabels* labels) {
    const std::vector<RecordField> fields = read_record(bytes);
    put_word(out, static_cast<std::uint32_t>(fields.size()));
    for (const RecordField& field : fields) {
        put_word(out, oid_of(field.type));
        const std::size_t at = out.size();
        put_word(out, std::int32_t{-1});
        if (field.value.is_null()) continue;
        print_binary(field.type, field.value, out, labels);
        set_size(out, at, out.size() - at - 4);
    }
}

int compare_records(std::string_view a, std::string_view b) {
    const std::vector<RecordField> x = read_record(a);
    const std::vector<RecordField> y = read_record(b);
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
        if (x[i].value.is_null() && y[i].value.is_null()) continue;
        if (x[i].value.is_null()) return 1;
        if (y[i].value.is_null()) return -1;
        if (storage_of(x[i].type) != storage_of(y[i].type) ||
            (x[i].type.id != y[i].type.id && storage_of(x[i].type) == Storage::bytes)) {
            return x[i].type.id < y[i].type.id ? -1 : 1;
        }
        if (const int c = compare(x[i].type, x[i].value, y[i].value); c != 0) return c;
    }
    if (x.size() == y.size()) return 0;
    return x.size() < y.size() ? -1 : 1;
}

}  // namespace anabranch::sql
