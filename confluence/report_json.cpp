#include <nlohmann/json.hpp>

#include "confluence/check.h"
#include "confluence/report_parts.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

using Json = nlohmann::ordered_json;

// A tenth of a millisecond: more digits are noise.
double rounded(double millis) {
    return static_cast<double>(static_cast<std::int64_t>(millis * 10 + 0.5)) / 10;
}

Json columns_of(const catalog::Schema& schema) {
    Json out = Json::array();
    for (const auto& table : schema.tables)
        for (const auto& column : table.columns) {
            if (column.hidden) continue;
            const bool grouped = column.policy.merge == catalog::Merge::register_ ||
                                 column.policy.merge == catalog::Merge::immutable;
            Json one = {
                {"table", table.display()}, {"column", column.name}, {"merge", name_of(column.policy.merge)}};
            one["group"] = grouped ? Json(column.policy.group) : Json(nullptr);
            one["reason"] = column.policy.reason;
            out.push_back(std::move(one));
        }
    return out;
}

Json invariants_of(const catalog::Schema& schema) {
    Json out = Json::array();
    for (const auto& invariant : schema.invariants)
        out.push_back({{"name", invariant.name},
                       {"kind", name_of(invariant.kind)},
                       {"table", invariant.table_name},
                       {"text", invariant.text},
                       {"at", place_text(invariant.at)}});
    return out;
}

Json transactions_of(const Report& report) {
    Json out = Json::array();
    const auto& declared = report.schema->transactions;
    for (std::size_t i = 0; i < declared.size() && i < report.plan.transactions.size(); ++i) {
        const auto& planned = report.plan.transactions[i];
        out.push_back({{"name", declared[i].display()},
                       {"route", catalog::name_of(planned.route)},
                       {"scope", planned.scope},
                       {"reasons", planned.reasons},
                       {"at", place_text(declared[i].at)}});
    }
    return out;
}

Json conflict_of(const Report& report, const Pair& pair, const Conflict& conflict) {
    Json out = {{"with", report.schema->transactions[conflict.with].display()},
                {"scope", scope_words(*report.schema, pair, conflict)}};
    if (conflict.witness)
        out["witness"] = {{"scenario", conflict.witness->scenario}, {"story", conflict.witness->story}};
    return out;
}

Json pairs_of(const Report& report) {
    Json out = Json::array();
    for (const auto& pair : report.pairs) {
        Json one = {{"transaction", report.schema->transactions[pair.transaction].display()},
                    {"invariant", report.schema->invariants[pair.invariant].name},
                    {"verdict", name_of(pair.verdict)},
                    {"rule", pair.rule},
                    {"millis", rounded(pair.millis)},
                    {"conflicts", Json::array()},
                    {"repairs", Json::array()}};
        for (const auto& conflict : pair.conflicts)
            one["conflicts"].push_back(conflict_of(report, pair, conflict));
        for (const auto& repair : pair.repairs)
            one["repairs"].push_back({{"kind", repair.kind}, {"text", repair.text}});
        out.push_back(std::move(one));
    }
    return out;
}

// Not rounded to what people read: a share of a call in a million is still one.
Json share_of(const Report& report, const Share& share) {
    Json out = {{"mix", Json::array()},
                {"free", share.free},
                {"escrow", share.escrow},
                {"ordered", share.ordered},
                {"read_only", share.read_only}};
    for (const auto& part : share.parts)
        out["mix"].push_back({{"transaction", report.schema->transactions[part.transaction].display()},
                              {"weight", part.weight},
                              {"route", catalog::name_of(part.route)}});
    if (!share.contention) return out;
    out["skew"] = share.contention->skew.theta;
    out["keys"] = share.contention->skew.keys;
    out["meetings"] = Json::array();
    for (const auto& meeting : share.contention->meetings)
        out["meetings"].push_back({{"calls", meeting.calls}, {"share", meeting.share}});
    return out;
}

}  // namespace

std::string to_json(const Report& report) {
    Json out = {{"version", 1}, {"schema", report.schema->file}};
    out["columns"] = columns_of(*report.schema);
    out["invariants"] = invariants_of(*report.schema);
    out["transactions"] = transactions_of(report);
    out["pairs"] = pairs_of(report);
    out["warnings"] = Json::array();
    for (const auto& warning : report.warnings)
        out["warnings"].push_back({{"at", place_text(warning.at)}, {"message", warning.message}});
    out["vacuous"] = Json::array();
    for (const auto& vacuous : report.vacuous)
        out["vacuous"].push_back({{"subject", vacuous.subject}, {"text", vacuous.text}});
    if (report.share) out["share"] = share_of(report, *report.share);
    out["millis"] = rounded(report.millis);
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace anabranch::confluence
