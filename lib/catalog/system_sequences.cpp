// The sequences of identity columns: pg_sequence, pg_sequences, and which column each belongs to.
#include <limits>

#include "lib/catalog/system_row.h"
#include "lib/catalog/system_rows.h"

namespace anabranch::catalog {

namespace {

sql::Type type_of(const OidMap::Sequence& s) {
    return s.table->columns[s.column].type;
}

std::int64_t greatest(sql::Type type) {
    return type.id == sql::TypeId::int2   ? std::numeric_limits<std::int16_t>::max()
           : type.id == sql::TypeId::int4 ? std::numeric_limits<std::int32_t>::max()
                                          : std::numeric_limits<std::int64_t>::max();
}

void pg_sequence(Row& row, const OidMap::Sequence& s, std::int64_t number) {
    row.number("seqrelid", number)
        .number("seqtypid", type_oid(type_of(s)))
        .number("seqstart", 1)
        .number("seqincrement", 1)
        .number("seqmax", greatest(type_of(s)))
        .number("seqmin", 1)
        .number("seqcache", 1);
}

void pg_sequences(Row& row, const OidMap::Sequence& s) {
    row.text("schemaname", s.table->schema)
        .text("sequencename", s.name)
        .text("sequenceowner", user_name)
        .number("data_type", type_oid(type_of(s)))
        .number("start_value", 1)
        .number("min_value", 1)
        .number("max_value", greatest(type_of(s)))
        .number("increment_by", 1)
        .number("cache_size", 1)
        .null("last_value");
}

void pg_depend(Row& row, const OidMap::Sequence& s, std::int64_t number, std::int64_t relations) {
    row.number("classid", relations)
        .number("objid", number)
        .number("refclassid", relations)
        .number("refobjid", table_oid(*s.table))
        .number("refobjsubid", s.column + 1)
        .letter("deptype", 'i');
}

}  // namespace

bool sequence_rows(const Schema& schema, const SystemTable& table, RowVisitor visit) {
    if (table.name != "pg_sequence" && table.name != "pg_sequences" && table.name != "pg_depend")
        return false;
    const OidMap& map = OidMap::of(schema);
    const std::int64_t relations = object_oid(schema, sql::TypeId::regclass, "pg_catalog.pg_class");
    Arena arena;
    Row row(table, arena);
    for (std::size_t i = 0; i < map.sequences.size(); ++i) {
        const std::int64_t number = oid::sequence + static_cast<std::int64_t>(i);
        if (table.name == "pg_sequence")
            pg_sequence(row, map.sequences[i], number);
        else if (table.name == "pg_sequences")
            pg_sequences(row, map.sequences[i]);
        else
            pg_depend(row, map.sequences[i], number, relations);
        if (!row.emit(visit)) break;
    }
    return true;
}

}  // namespace anabranch::catalog
