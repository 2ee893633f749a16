#include "node/pgwire/codec.h"

#include <algorithm>

#include "lib/sql/value.h"

namespace anabranch::pgwire {

namespace {

void field(MessageWriter& out, char code, std::string_view value) {
    if (value.empty()) return;
    out.i8(static_cast<std::uint8_t>(code));
    out.text(value);
}

// 1-based, in characters: continuation bytes of UTF-8 do not count.
std::string position(std::string_view sent, std::size_t offset) {
    std::size_t characters = 1;
    for (const char c : sent.substr(0, std::min(offset, sent.size())))
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++characters;
    return std::to_string(characters);
}

}  // namespace

void write_error(MessageWriter& out, std::string_view severity, const Error& error, std::string_view sent,
                 std::uint32_t base, std::string_view context) {
    out.begin('E');
    field(out, 'S', severity);
    field(out, 'V', severity);
    field(out, 'C', error.sqlstate);
    field(out, 'M',
          error.message.empty() ? std::string_view("unknown error") : std::string_view(error.message));
    field(out, 'D', error.detail);
    field(out, 'H', error.hint);
    field(out, 'W', context);
    if (error.span.known && !sent.empty())
        field(out, 'P', position(sent, std::size_t{base} + error.span.offset));
    if (!error.table.empty()) field(out, 's', "public");
    field(out, 't', error.table);
    field(out, 'c', error.column);
    field(out, 'n', error.constraint);
    out.i8(0);
    out.end();
}

void write_warning(MessageWriter& out, std::string_view code, const std::string& text) {
    out.begin('N');
    field(out, 'S', "WARNING");
    field(out, 'V', "WARNING");
    field(out, 'C', code);
    field(out, 'M', text);
    out.i8(0);
    out.end();
}

void write_row_description(MessageWriter& out, const std::vector<sql::OutputColumn>& columns,
                           const std::vector<std::uint16_t>& formats) {
    out.begin('T');
    out.i16(static_cast<std::uint16_t>(columns.size()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& column = columns[i];
        out.text(column.name);
        out.i32(column.table ? sql::oid_of(*column.table) : 0);
        out.i16(static_cast<std::uint16_t>(column.table ? column.column + 1 : 0));
        out.i32(sql::oid_of(column.type));
        out.i16(static_cast<std::uint16_t>(sql::size_of(column.type)));
        out.i32(static_cast<std::uint32_t>(column.type.modifier));
        out.i16(format_of(formats, i));
    }
    out.end();
}

void write_parameter_status(MessageWriter& out, std::string_view name, std::string_view value) {
    out.begin('S');
    out.text(name);
    out.text(value);
    out.end();
}

}  // namespace anabranch::pgwire
