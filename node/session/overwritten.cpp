#include "node/session/overwritten.h"

#include <array>

#include "crdt/hlc.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/datetime.h"
#include "node/replica/key_text.h"

namespace anabranch::session {

namespace {

using sql::Datum;

Datum datum_of(const crdt::CellValue& cell) {
    using Kind = crdt::CellValue::Kind;
    switch (cell.kind) {
        case Kind::null:
            return Datum::null();
        case Kind::integer:
            return Datum::integer(cell.integer);
        case Kind::floating:
            return Datum::floating(cell.floating);
        case Kind::bytes:
            return Datum::bytes(cell.bytes);
    }
    return Datum::null();
}

Datum text_of(const sql::Type& type, const crdt::CellValue& cell, const exec::SchemaPlans& plans,
              Arena& arena) {
    if (cell.kind == crdt::CellValue::Kind::null) return Datum::null();
    std::string text;
    sql::print_text(type, datum_of(cell), text, &plans);
    return Datum::bytes(arena.copy(text));
}

std::string name_of(const std::vector<replica::Replica::PeerStatus>& peers, ReplicaId id) {
    if (id == ORDER_ORIGIN) return "order";
    for (const auto& peer : peers)
        if (peer.id == id) return peer.name;
    return hex(id.value);
}

}  // namespace

void overwritten_rows(const replica::Replica& replica, const catalog::Schema& schema, Instant now,
                      Arena& arena, FunctionRef<bool(std::span<const Datum>)> visit) {
    const auto& plans = exec::plans_of(schema);
    const auto peers = replica.peers(now);
    for (const auto& loss : replica.overwritten().losses()) {
        const auto& table = plans.tables[loss.table.value];
        const auto& columns = table.groups[loss.group];
        const Datum at = Datum::integer(sql::timestamp_of(crdt::HybridClock::to_instant(loss.lost.hlc)));
        const Datum key =
            Datum::bytes(arena.copy(replica::key_text(replica.database(), loss.table, loss.key)));
        const Datum name = Datum::bytes(arena.copy(table.table->display()));
        const Datum origin = Datum::bytes(arena.copy(name_of(peers, loss.lost.origin)));
        for (std::size_t i = 0; i < columns.size() && i < loss.lost_values.size(); ++i) {
            if (loss.lost_values[i] == loss.kept_values[i]) continue;
            const auto& column = table.table->columns[columns[i]];
            const std::array row{at,
                                 name,
                                 key,
                                 Datum::bytes(arena.copy(column.name)),
                                 text_of(column.type, loss.lost_values[i], plans, arena),
                                 text_of(column.type, loss.kept_values[i], plans, arena),
                                 origin};
            if (!visit(row)) return;
        }
    }
}

}  // namespace anabranch::session
