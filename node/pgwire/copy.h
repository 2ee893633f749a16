// The data formats of COPY: text, CSV and binary, as PostgreSQL 15 writes and reads them. Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/exec/engine.h"
#include "lib/sql/ir.h"
#include "lib/sql/value.h"

namespace anabranch::pgwire {

enum class CopyKind : std::uint8_t { text, csv, binary };

// One COPY: its direction, its format and the columns it moves.
struct CopyFormat {
    bool from = false;
    CopyKind kind = CopyKind::text;
    bool header = false;
    bool header_match = false;  // FROM: the header must name the columns
    char delimiter = '\t', quote = '"', escape = '"';
    std::string null = "\\N";
    std::string table;                       // for error texts
    std::vector<sql::OutputColumn> columns;  // FROM: types with their modifiers, as of the table
    std::uint16_t code() const { return kind == CopyKind::binary ? 1 : 0; }
};

// Appends CopyData messages to `out`, one per row. finish() once after the last row.
class CopyOutSink final : public exec::RowSink {
  public:
    // Writes CopyOutResponse and, where the format has one, the header.
    void start(std::string* out, const CopyFormat* format, const sql::EnumLabels* labels);
    bool row(std::span<const sql::Datum> values) override;
    void finish();

  private:
    void begin();
    void field(std::size_t column, sql::Datum value, std::string& line);
    std::string* out_ = nullptr;
    const CopyFormat* format_ = nullptr;
    const sql::EnumLabels* labels_ = nullptr;
    std::string text_;
    bool begun_ = false;
};

// What COPY FROM received, as one array per column: the parameters of `INSERT ... SELECT FROM unnest(...)`. A
// column of arrays comes as an array of their texts. Values live in the arena. Error 22P04 for ill-formed
// data, 22P02 and its like for bad values; then `context` says where, as PostgreSQL does: "COPY t, line 2,
// column a".
Result<std::vector<sql::Datum>> read_copy(const CopyFormat& format, std::string_view data, Arena& arena,
                                          const sql::EnumLabels* labels, std::string& context);
// CopyInResponse, which asks the client for data.
void write_copy_in(std::string& out, const CopyFormat& format);

}  // namespace anabranch::pgwire
