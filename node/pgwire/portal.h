// Prepared statements and portals of one session, and the sink that turns result rows into DataRow messages.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/arena.h"
#include "node/pgwire/backend.h"
#include "node/pgwire/codec.h"

namespace anabranch::pgwire {

struct NamedStatement {
    PreparedPtr prepared;
    std::string text;  // for error positions
};

struct Portal {
    PreparedPtr prepared;
    std::string text;
    std::unique_ptr<Arena> arena = std::make_unique<Arena>();  // owns the parameters' bytes
    std::vector<sql::Datum> parameters;
    std::vector<std::uint16_t> parameter_formats, formats;  // `formats`: of the result columns
    bool executed = false;
    // Rows of a portal that is read in pieces: DataRow messages and where each ends.
    std::string rows;
    std::vector<std::size_t> row_ends;
    std::size_t rows_sent = 0;
    std::string tag;

    // Appends the next rows, all that are left without a limit. True when the portal is at its end; as in
    // PostgreSQL a limit that is just reached does not tell.
    bool send(std::uint32_t limit, std::string& out);
    // As new; a little memory is kept for the next one.
    void reset();
};

// The portals of a session by name. The unnamed one, which most drivers use for every statement, keeps its
// memory from one Bind to the next.
class Portals {
  public:
    const Portal* find(std::string_view name) const;  // null: there is none
    Portal* find(std::string_view name) { return const_cast<Portal*>(std::as_const(*this).find(name)); }
    Portal& open(std::string_view name);  // in place of the one of that name
    void close(std::string_view name);
    void clear();

  private:
    Portal unnamed_;
    bool has_unnamed_ = false;
    std::map<std::string, Portal, std::less<>> named_;
};

// Writes DataRows to `out` as they come. Not moved while a statement runs.
class DataRowSink final : public exec::RowSink {
  public:
    void start(std::string* out, const std::vector<sql::OutputColumn>* columns,
               const std::vector<std::uint16_t>* formats, const sql::EnumLabels* labels,
               std::vector<std::size_t>* row_ends) {
        out_ = out;
        columns_ = columns;
        formats_ = formats;
        labels_ = labels;
        row_ends_ = row_ends;
    }
    bool row(std::span<const sql::Datum> values) override;

  private:
    std::string* out_ = nullptr;
    const std::vector<sql::OutputColumn>* columns_ = nullptr;
    const std::vector<std::uint16_t>* formats_ = nullptr;
    const sql::EnumLabels* labels_ = nullptr;
    std::vector<std::size_t>* row_ends_ = nullptr;
};

// Reads Bind's parameters into the portal. `body` stands after the statement name.
Result<void> bind_parameters(MessageReader& body, Portal& portal, const sql::EnumLabels* labels);

}  // namespace anabranch::pgwire
