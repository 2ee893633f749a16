// What the tables of pg_catalog and information_schema are built with. Internal to the system_*.cpp files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/check.h"
#include "lib/base/function_ref.h"
#include "lib/catalog/system_oids.h"
#include "lib/catalog/system_tables.h"
#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/value.h"

namespace anabranch::catalog {

using RowVisitor = FunctionRef<bool(std::span<const sql::Datum>)>;

inline constexpr std::string_view user_name = "anabranch";

// One row under construction: columns by name. What is not set is what PostgreSQL has for "nothing": 0,
// false, '' for names, else NULL.
class Row {
  public:
    Row(const SystemTable& table, Arena& arena) : table_(table), arena_(arena) { clear(); }

    Row& set(std::string_view column, sql::Datum value) {
        values_[index(column)] = value;
        return *this;
    }
    Row& number(std::string_view column, std::int64_t v) { return set(column, sql::Datum::integer(v)); }
    Row& flag(std::string_view column, bool v) { return set(column, sql::Datum::boolean(v)); }
    Row& letter(std::string_view column, char v) {
        return set(column, sql::Datum::integer(static_cast<unsigned char>(v)));
    }
    Row& text(std::string_view column, std::string_view v) {
        return set(column, sql::Datum::bytes(arena_.copy(v)));
    }
    Row& real(std::string_view column, double v) { return set(column, sql::Datum::floating(v)); }
    Row& null(std::string_view column) { return set(column, {}); }
    Row& numbers(std::string_view column, const std::vector<std::int64_t>& v, std::int32_t lower = 1) {
        std::vector<sql::Datum> items;
        for (const std::int64_t n : v) items.push_back(sql::Datum::integer(n));
        std::string out;
        sql::write_array(table_.columns[index(column)].type, items, out, lower);
        return text(column, out);
    }
    // An array of texts, or of letters where the column is one of "char".
    Row& texts(std::string_view column, const std::vector<std::string>& v) {
        const sql::Type type = table_.columns[index(column)].type;
        std::vector<sql::Datum> items;
        for (const std::string& item : v)
            items.push_back(type.id == sql::TypeId::char_
                                ? sql::Datum::integer(static_cast<unsigned char>(item[0]))
                                : sql::Datum::bytes(item));
        std::string out;
        sql::write_array(type, items, out);
        return text(column, out);
    }
    // False when the visitor wants no more.
    bool emit(RowVisitor visit) {
        const bool more = visit(values_);
        clear();
        return more;
    }

  private:
    std::size_t index(std::string_view column) const {
        for (std::size_t i = 0; i < table_.columns.size(); ++i)
            if (table_.columns[i].name == column) return i;
        CHECK_NOTE(false, column);
        return 0;
    }
    void clear() {
        values_.clear();
        for (const SystemColumn& c : table_.columns) {
            sql::Datum value;
            if (!c.type.array && c.type.id != sql::TypeId::timestamptz &&
                sql::storage_of(c.type) == sql::Storage::integer)
                value = sql::Datum::integer(0);
            if (!c.type.array && c.type.id == sql::TypeId::name) value = sql::Datum::bytes("");
            values_.push_back(value);
        }
        if (table_.has_tableoid())
            values_.push_back(sql::Datum::integer(oid::system_table + (&table_ - system_tables().data())));
    }
    const SystemTable& table_;
    Arena& arena_;
    std::vector<sql::Datum> values_;
};

inline std::int64_t type_oid(sql::Type t) {
    return sql::oid_of(t);
}
inline std::int64_t table_oid(const Table& t) {
    return sql::oid_of(t.id);
}

std::vector<ColumnId> columns_of(const OidMap::Constraint& constraint);
std::vector<std::int64_t> one_based(const std::vector<ColumnId>& columns);
std::string internal_name(const Schema& schema, sql::Type t);  // int4, _text, mood

// The rows of a table about sequences; false: it is about something else.
bool sequence_rows(const Schema& schema, const SystemTable& table, RowVisitor visit);
// The rows of a table of information_schema.
void information_rows(const Schema& schema, const SystemTable& table, RowVisitor visit);

}  // namespace anabranch::catalog
