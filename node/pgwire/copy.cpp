#include "node/pgwire/copy.h"

#include <utility>

#include "lib/sql/array.h"
#include "node/pgwire/codec.h"

namespace anabranch::pgwire {

namespace {

using sql::Datum;

constexpr std::string_view binary_signature("PGCOPY\n\377\r\n\0", 11);

// ---- out ----

void escape_text(std::string_view value, char delimiter, std::string& out) {
    for (const char c : value) {
        const char* letters = "\bb\ff\nn\rr\tt\vv";
        bool written = false;
        for (const char* p = letters; *p != '\0'; p += 2)
            if (*p == c) out += {'\\', p[1]}, written = true;
        if (written) continue;
        if (c == '\\' || c == delimiter) out.push_back('\\');
        out.push_back(c);
    }
}

void quote_csv(const CopyFormat& format, std::string_view value, std::string& out) {
    const bool quoted = value == format.null || value == "\\." ||
                        value.find_first_of(std::string{format.delimiter, format.quote, '\n', '\r'}) !=
                            std::string_view::npos;
    if (!quoted) {
        out += value;
        return;
    }
    out.push_back(format.quote);
    for (const char c : value) {
        if (c == format.quote || c == format.escape) out.push_back(format.escape);
        out.push_back(c);
    }
    out.push_back(format.quote);
}

void data_message(std::string& out, std::string_view body) {
    MessageWriter m(out);
    m.begin('d');
    m.raw(body);
    m.end();
}

// CopyInResponse or CopyOutResponse.
void write_start(std::string& out, char type, const CopyFormat& format) {
    MessageWriter m(out);
    m.begin(type);
    m.i8(static_cast<std::uint8_t>(format.code()));
    m.i16(static_cast<std::uint16_t>(format.columns.size()));
    for (std::size_t i = 0; i < format.columns.size(); ++i) m.i16(format.code());
    m.end();
}

// ---- in ----

using Fields = std::vector<std::optional<std::string>>;

Error bad_data(std::string message) {
    return Error::make("22P04", std::move(message));
}

char unescaped(char c) {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case 'v':
            return '\v';
        default:
            return c;
    }
}

// \123 and \x7f; `at` stands on the character after the backslash and ends on the last one used.
std::optional<char> numbered(std::string_view line, std::size_t& at) {
    const auto digit = [&](std::size_t i, unsigned base) -> int {
        if (i >= line.size()) return -1;
        const char c = line[i];
        int v = -1;
        if (c >= '0' && c <= '9') v = c - '0';
        if (c >= 'a' && c <= 'f') v = c - 'a' + 10;
        if (c >= 'A' && c <= 'F') v = c - 'A' + 10;
        return v >= 0 && static_cast<unsigned>(v) < base ? v : -1;
    };
    const bool hex = line[at] == 'x';
    const unsigned base = hex ? 16 : 8;
    std::size_t next = hex ? at + 1 : at;
    if (digit(next, base) < 0) return {};
    unsigned value = 0;
    for (std::size_t i = 0; i < (hex ? 2U : 3U) && digit(next, base) >= 0; ++i)
        value = value * base + static_cast<unsigned>(digit(next++, base));
    at = next - 1;
    return static_cast<char>(value);
}

// Takes the next line; a backslash before its end continues it.
std::string_view text_line(std::string_view& data) {
    std::size_t end = 0;
    for (;; ++end) {
        end = std::min(data.find('\n', end), data.size());
        std::size_t slashes = 0;
        while (slashes < end && data[end - 1 - slashes] == '\\') ++slashes;
        if (end == data.size() || slashes % 2 == 0) break;
    }
    auto line = data.substr(0, end);
    data.remove_prefix(std::min(end + 1, data.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

Fields text_fields(const CopyFormat& format, std::string_view line) {
    Fields out;
    std::string field;
    std::size_t begin = 0;
    for (std::size_t at = 0; at <= line.size(); ++at) {
        if (at == line.size() || line[at] == format.delimiter) {
            // The null string is compared before escapes are read.
            if (line.substr(begin, at - begin) == format.null)
                out.emplace_back();
            else
                out.emplace_back(std::move(field));
            field.clear();
            begin = at + 1;
        } else if (line[at] == '\\' && at + 1 < line.size()) {
            ++at;
            const auto number = numbered(line, at);
            field.push_back(number ? *number : unescaped(line[at]));
        } else {
            field.push_back(line[at]);
        }
    }
    return out;
}

// Takes the next record of CSV from `data`; quoted fields may hold line ends, which are counted.
Result<Fields> csv_fields(const CopyFormat& format, std::string_view& data, std::size_t& line) {
    Fields out;
    std::string field;
    bool inside = false, quoted = false;
    std::size_t at = 0;
    for (;; ++at) {
        const bool end = at >= data.size();
        const char c = end ? '\n' : data[at];
        if (inside) {
            if (end) return fail(bad_data("unterminated CSV quoted field"));
            if (c == '\n') ++line;
            const bool more = at + 1 < data.size();
            if (c == format.escape && more &&
                (data[at + 1] == format.quote || data[at + 1] == format.escape)) {
                field.push_back(data[++at]);
            } else if (c == format.quote) {
                inside = false;
            } else {
                field.push_back(c);
            }
            continue;
        }
        if (c == format.quote && !end) {
            inside = quoted = true;
            continue;
        }
        if (c != format.delimiter && c != '\n') {
            field.push_back(c);
            continue;
        }
        if (c == '\n' && !quoted && field.ends_with('\r')) field.pop_back();
        if (!quoted && field == format.null)
            out.emplace_back();
        else
            out.emplace_back(std::move(field));
        field.clear();
        quoted = false;
        if (c == '\n') break;
    }
    data.remove_prefix(std::min(at + 1, data.size()));
    return out;
}

// Collects values column by column, and says where in the data an error is.
class Reader {
  public:
    Reader(const CopyFormat& format, Arena& arena, const sql::EnumLabels* labels, std::string& context)
        : format_(format), arena_(arena), labels_(labels), context_(context), values_(width()) {}

    Result<void> lines(std::string_view data);
    Result<void> binary(std::string_view data);
    std::vector<Datum> take() {
        std::vector<Datum> out;
        for (std::size_t i = 0; i < width(); ++i) {
            const auto type = format_.columns[i].type;
            std::string bytes;
            sql::write_array(sql::array_of_type(type.array ? sql::Type{sql::TypeId::text} : type), values_[i],
                             bytes);
            out.push_back(Datum::bytes(arena_.copy(bytes)));
        }
        return out;
    }

  private:
    std::size_t width() const { return format_.columns.size(); }
    std::unexpected<Error> bad(Error error, std::size_t column, std::string_view shown) {
        context_ = "COPY " + format_.table + ", line " + std::to_string(line_);
        if (column < width()) context_ += ", column " + format_.columns[column].name;
        // As PostgreSQL: 100 characters are enough to find it.
        context_ += ": \"" + std::string(shown.substr(0, 100)) + (shown.size() > 100 ? "...\"" : "\"");
        return fail(std::move(error));
    }
    Result<void> add(const Fields& fields, std::string_view line);
    Result<void> check_header(const Fields& fields, std::string_view line);
    Result<void> add_text(std::size_t column, std::string_view text);
    Result<void> add_binary(MessageReader& in);

    const CopyFormat& format_;
    Arena& arena_;
    const sql::EnumLabels* labels_;
    std::string& context_;
    std::vector<std::vector<Datum>> values_;
    std::size_t line_ = 0;
};

Result<void> Reader::check_header(const Fields& fields, std::string_view line) {
    if (!format_.header_match) return {};
    if (fields.size() != width())
        return bad(bad_data("wrong number of fields in header line: got " + std::to_string(fields.size()) +
                            ", expected " + std::to_string(width())),
                   width(), line);
    for (std::size_t i = 0; i < width(); ++i)
        if (!fields[i] || *fields[i] != format_.columns[i].name)
            return bad(bad_data("column name mismatch in header line field " + std::to_string(i + 1) +
                                ": got \"" + fields[i].value_or(format_.null) + "\", expected \"" +
                                format_.columns[i].name + "\""),
                       width(), line);
    return {};
}

Result<void> Reader::add_text(std::size_t column, std::string_view text) {
    const auto type = format_.columns[column].type;
    auto value = sql::parse_text(type, text, arena_, labels_);
    if (!value) return bad(std::move(value).error(), column, text);
    values_[column].push_back(type.array ? Datum::bytes(arena_.copy(text)) : *value);
    return {};
}

Result<void> Reader::add(const Fields& fields, std::string_view line) {
    if (fields.size() < width())
        return bad(bad_data("missing data for column \"" + format_.columns[fields.size()].name + "\""),
                   width(), line);
    if (fields.size() > width()) return bad(bad_data("extra data after last expected column"), width(), line);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (!fields[i]) {
            values_[i].push_back(Datum::null());
            continue;
        }
        TRY_VOID(add_text(i, *fields[i]));
    }
    return {};
}

Result<void> Reader::lines(std::string_view data) {
    bool header = format_.header;
    while (!data.empty()) {
        Fields fields;
        const std::string_view from = data;
        const std::size_t first = line_;
        ++line_;
        if (format_.kind == CopyKind::csv) {
            if (data == "\\." || data.starts_with("\\.\n") || data.starts_with("\\.\r\n")) return {};
            auto read = csv_fields(format_, data, line_);
            if (!read) return bad(std::move(read).error(), width(), from.substr(0, from.find('\n')));
            fields = std::move(*read);
        } else {
            auto text = text_line(data);
            if (text == "\\.") return {};
            fields = text_fields(format_, text);
        }
        auto shown = from.substr(0, from.size() - data.size());
        while (shown.ends_with('\n') || shown.ends_with('\r')) shown.remove_suffix(1);
        const std::size_t last = std::exchange(line_, first + 1);  // errors name the line a row begins in
        TRY_VOID(std::exchange(header, false) ? check_header(fields, shown) : add(fields, shown));
        line_ = last;
    }
    return {};
}

Result<void> Reader::add_binary(MessageReader& in) {
    for (std::size_t i = 0; i < width(); ++i) {
        const auto size = static_cast<std::int32_t>(in.i32());
        if (size < 0) {
            values_[i].push_back(Datum::null());
            continue;
        }
        const auto bytes = arena_.copy(in.raw(static_cast<std::size_t>(size)));
        if (in.failed()) return bad(bad_data("unexpected EOF in COPY data"), i, {});
        const auto type = format_.columns[i].type;
        auto value = sql::parse_binary(type, bytes, arena_, labels_);
        if (!value) return bad(std::move(value).error(), i, {});
        if (!type.array) {
            values_[i].push_back(*value);
            continue;
        }
        std::string text;
        sql::print_text(type, *value, text, labels_);
        values_[i].push_back(Datum::bytes(arena_.copy(text)));
    }
    return {};
}

Result<void> Reader::binary(std::string_view data) {
    if (!data.starts_with(binary_signature)) return fail(bad_data("COPY file signature not recognized"));
    MessageReader in(data.substr(binary_signature.size()));
    const std::uint32_t flags = in.i32();
    (void)in.raw(in.i32());
    if (in.failed()) return fail(bad_data("invalid COPY file header (missing flags)"));
    if ((flags & 0xffff0000U) != 0) return fail(bad_data("unrecognized critical flags in COPY file header"));
    while (!in.done()) {
        ++line_;
        const auto count = static_cast<std::int16_t>(in.i16());
        if (count == -1) return {};
        if (in.failed() || static_cast<std::size_t>(count) != width())
            return bad(bad_data("row field count is " + std::to_string(count) + ", expected " +
                                std::to_string(width())),
                       width(), {});
        TRY_VOID(add_binary(in));
    }
    return {};
}

}  // namespace

void CopyOutSink::start(std::string* out, const CopyFormat* format, const sql::EnumLabels* labels) {
    out_ = out;
    format_ = format;
    labels_ = labels;
    const bool binary = format->kind == CopyKind::binary;
    write_start(*out, 'H', *format);
    begun_ = !binary;
    if (!format->header || binary) return;
    std::string line;
    for (const auto& column : format->columns) {
        if (&column != &format->columns.front()) line.push_back(format->delimiter);
        if (format->kind == CopyKind::csv)
            quote_csv(*format, column.name, line);
        else
            escape_text(column.name, format->delimiter, line);
    }
    data_message(*out, line + "\n");
}

void CopyOutSink::field(std::size_t column, Datum value, std::string& line) {
    if (value.is_null()) {
        line += format_->null;
        return;
    }
    text_.clear();
    sql::print_text(format_->columns[column].type, value, text_, labels_);
    if (format_->kind == CopyKind::csv)
        quote_csv(*format_, text_, line);
    else
        escape_text(text_, format_->delimiter, line);
}

// The header comes with the first row, or the end: there psycopg looks for it.
void CopyOutSink::begin() {
    if (std::exchange(begun_, true)) return;
    out_->append(binary_signature);
    out_->append(8, '\0');
}

bool CopyOutSink::row(std::span<const Datum> values) {
    MessageWriter m(*out_);
    m.begin('d');
    begin();
    const std::size_t count = std::min(values.size(), format_->columns.size());
    if (format_->kind == CopyKind::binary) m.i16(static_cast<std::uint16_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        if (format_->kind != CopyKind::binary) {
            if (i > 0) out_->push_back(format_->delimiter);
            field(i, values[i], *out_);
            continue;
        }
        if (values[i].is_null()) {
            m.i32(~std::uint32_t{0});
            continue;
        }
        const std::size_t at = out_->size();
        m.i32(0);
        sql::print_binary(format_->columns[i].type, values[i], *out_, labels_);
        m.patch32(at, static_cast<std::uint32_t>(out_->size() - at - 4));
    }
    if (format_->kind != CopyKind::binary) out_->push_back('\n');
    m.end();
    return true;
}

void CopyOutSink::finish() {
    MessageWriter m(*out_);
    if (format_->kind == CopyKind::binary) {
        m.begin('d');
        begin();
        out_->append("\xff\xff");
        m.end();
    }
    write_empty(m, 'c');
}

Result<std::vector<Datum>> read_copy(const CopyFormat& format, std::string_view data, Arena& arena,
                                     const sql::EnumLabels* labels, std::string& context) {
    Reader reader(format, arena, labels, context);
    TRY_VOID(format.kind == CopyKind::binary ? reader.binary(data) : reader.lines(data));
    return reader.take();
}

void write_copy_in(std::string& out, const CopyFormat& format) {
    write_start(out, 'G', format);
}

}  // namespace anabranch::pgwire
