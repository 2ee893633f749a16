#include "node/pgwire/copy.h"

#include <catch2/catch.hpp>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "node/pgwire/codec.h"
#include "tests/support/property.h"

namespace anabranch::pgwire::copy_test {

namespace {

const sql::Type int8{sql::TypeId::int8}, text{sql::TypeId::text};

CopyFormat format_of(CopyKind kind) {
    CopyFormat format;
    format.kind = kind;
    format.table = "t";
    if (kind == CopyKind::csv) {
        format.delimiter = ',';
        format.null.clear();
    }
    format.columns = {{"n", int8, {}, 0}, {"s", text, {}, 0}};
    return format;
}

// The rows as one text: columns end with ',', rows with ';', NULL is ~.
std::string shown(const CopyFormat& format, const std::vector<sql::Datum>& arrays) {
    std::vector<std::vector<std::string>> columns;
    for (std::size_t c = 0; c < arrays.size(); ++c) {
        const auto type = format.columns[c].type;
        sql::ArrayReader reader(sql::array_of_type(type), arrays[c].as_bytes());
        auto& column = columns.emplace_back();
        const std::int32_t size = reader.dimensions().empty() ? 0 : reader.dimensions()[0].size;
        for (std::int32_t i = 0; i < size; ++i) {
            const auto value = reader.next();
            std::string out = value.is_null() ? "~" : "";
            if (!value.is_null()) sql::print_text(type, value, out);
            column.push_back(out);
        }
    }
    std::string out;
    for (std::size_t r = 0; r < columns[0].size(); ++r) {
        for (const auto& column : columns) out += column[r] + ",";
        out += ";";
    }
    return out;
}

struct Read {
    std::string rows, sqlstate, message, context;
};
Read read(const CopyFormat& format, std::string_view data) {
    Arena arena;
    Read out;
    const auto arrays = read_copy(format, data, arena, nullptr, out.context);
    if (arrays) {
        out.rows = shown(format, *arrays);
    } else {
        out.sqlstate = arrays.error().sqlstate;
        out.message = arrays.error().message;
    }
    return out;
}

// The bodies of CopyData messages.
std::string data_of(std::string_view bytes) {
    std::string out;
    while (bytes.size() >= 5) {
        const std::size_t size = MessageReader(bytes.substr(1)).i32();
        if (bytes[0] == 'd') out += bytes.substr(5, size - 4);
        bytes.remove_prefix(size + 1);
    }
    return out;
}

}  // namespace

TEST_CASE("COPY text: escapes, nulls, line ends and the end mark are read as PostgreSQL reads them") {
    const auto format = format_of(CopyKind::text);
    CHECK(read(format, "1\ta\n2\t\\N\n").rows == "1,a,;2,~,;");
    CHECK(read(format, "1\ta\r\n2\tb\r\n").rows == "1,a,;2,b,;");
    CHECK(read(format, "1\ta\\tb\\\\c\\x41\\101\n").rows == "1,a\tb\\cAA,;");
    CHECK(read(format, "1\ta\\\nb\n").rows == "1,a\nb,;");
    CHECK(read(format, "1\t\n").rows == "1,,;");
    CHECK(read(format, "1\ta\n\\.\nnot read").rows == "1,a,;");
    CHECK(read(format, "1\tno line end").rows == "1,no line end,;");
    CHECK(read(format, "").rows.empty());
}

TEST_CASE("COPY csv: quotes, line ends in quotes and the difference between empty and null") {
    auto format = format_of(CopyKind::csv);
    CHECK(read(format, "1,\"a,\"\"b\"\"\nc\"\n2,\n3,\"\"\n").rows == "1,a,\"b\"\nc,;2,~,;3,,;");
    CHECK(read(format, "1,a\r\n2,b").rows == "1,a,;2,b,;");
    CHECK(read(format, "1,\"open\n").message == "unterminated CSV quoted field");
    format.header = true;
    CHECK(read(format, "x,y\n1,a\n").rows == "1,a,;");
    format.header_match = true;
    CHECK(read(format, "n,s\n1,a\n").rows == "1,a,;");
    CHECK(read(format, "n,x\n1,a\n").message ==
          "column name mismatch in header line field 2: got \"x\", expected \"s\"");
}

TEST_CASE("COPY errors name table, line and column as PostgreSQL does") {
    const auto format = format_of(CopyKind::text);
    const auto bad = read(format, "1\ta\nx\tb\n");
    CHECK(bad.sqlstate == "22P02");
    CHECK(bad.context == "COPY t, line 2, column n: \"x\"");
    const auto missing = read(format, "1\ta\n2\n");
    CHECK(missing.message == "missing data for column \"s\"");
    CHECK(missing.context == "COPY t, line 2: \"2\"");
    const auto extra = read(format, "1\ta\tb\n");
    CHECK(extra.message == "extra data after last expected column");
    CHECK(extra.sqlstate == "22P04");
}

TEST_CASE("what COPY TO writes, COPY FROM reads, for all bytes and every format") {
    test::for_seeds(200, [](Random& random) {
        for (const auto kind : {CopyKind::text, CopyKind::csv, CopyKind::binary}) {
            const auto format = format_of(kind);
            std::string out, wanted;
            CopyOutSink sink;
            sink.start(&out, &format, nullptr);
            for (auto rows = random.below(5); rows > 0; --rows) {
                static const std::string letters = "a\\\t\n\r\",|N.x0~";
                std::string value;
                for (auto size = random.below(8); size > 0; --size)
                    value.push_back(letters[random.below(letters.size())]);
                const bool null = random.chance(0.2);
                const auto number = static_cast<std::int64_t>(random.below(2000)) - 1000;
                const sql::Datum row[] = {sql::Datum::integer(number),
                                          null ? sql::Datum::null() : sql::Datum::bytes(value)};
                sink.row(row);
                wanted += std::to_string(number) + "," + (null ? "~" : value) + ",;";
            }
            sink.finish();
            CHECK(read(format, data_of(out)).rows == wanted);
        }
    });
}

TEST_CASE("hostile COPY data never crash the reader") {
    test::for_seeds(500, [](Random& random) {
        static const std::string letters = "1\\\t\n\r\",N.x\377";
        std::string data = random.chance(0.3) ? std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19) : "";
        for (auto size = random.below(60); size > 0; --size)
            data.push_back(random.chance(0.8) ? letters[random.below(letters.size())]
                                              : static_cast<char>(random.below(256)));
        for (const auto kind : {CopyKind::text, CopyKind::csv, CopyKind::binary})
            (void)read(format_of(kind), data);
    });
}

}  // namespace anabranch::pgwire::copy_test
