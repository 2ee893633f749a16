#include "confluence/report_parts.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "confluence/wording.h"

namespace anabranch::confluence {

const char* name_of(catalog::Merge merge) {
    switch (merge) {
        case catalog::Merge::immutable:
        case catalog::Merge::register_:
            return "register";
        case catalog::Merge::counter:
            return "counter";
        case catalog::Merge::max:
            return "max";
        case catalog::Merge::min:
            return "min";
    }
    return "";
}

const char* name_of(catalog::InvariantKind kind) {
    switch (kind) {
        case catalog::InvariantKind::not_null:
            return "not_null";
        case catalog::InvariantKind::check:
            return "check";
        case catalog::InvariantKind::primary_key:
            return "primary_key";
        case catalog::InvariantKind::unique:
            return "unique";
        case catalog::InvariantKind::foreign_key:
            return "foreign_key";
        case catalog::InvariantKind::exclude:
            return "exclude";
        case catalog::InvariantKind::assertion:
            return "assertion";
        case catalog::InvariantKind::lost_update:
            return "lost_update";
    }
    return "";
}

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::confluent:
            return "confluent";
        case Verdict::not_confluent:
            return "not_confluent";
        case Verdict::unknown:
            return "unknown";
    }
    return "";
}

std::string place_text(const Place& place) {
    return place.line == 0 ? place.file : place.describe();
}

std::vector<ToldConflict> conflicts_of(const Report& report, Verdict verdict) {
    std::vector<ToldConflict> out;
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::size_t>
        known;  // invariant, both transactions
    for (const auto& pair : report.pairs) {
        if (pair.verdict == Verdict::confluent) continue;
        for (const auto& conflict : pair.conflicts) {
            if (conflict.witness.has_value() != (verdict == Verdict::not_confluent)) continue;
            const auto key = std::tuple{pair.invariant, std::min(pair.transaction, conflict.with),
                                        std::max(pair.transaction, conflict.with)};
            if (known.emplace(key, out.size()).second) out.push_back({&pair, &conflict});
        }
    }
    std::stable_sort(out.begin(), out.end(), [](const ToldConflict& a, const ToldConflict& b) {
        return a.pair->invariant < b.pair->invariant;
    });
    return out;
}

std::string who(const Report& report, const ToldConflict& told) {
    const auto& all = report.schema->transactions;
    const std::string own = all[told.pair->transaction].display();
    if (told.conflict->with == told.pair->transaction) return own + " and another " + own;
    return own + " and " + all[told.conflict->with].display();
}

std::string when(const Report& report, const ToldConflict& told) {
    const auto words = scope_words(*report.schema, *told.pair, *told.conflict);
    if (words.empty()) return {};
    std::vector<std::string> conditions;
    for (const auto& word : words)
        conditions.push_back(word.find(" = ") == std::string::npos ? "both have the same " + word : word);
    return "Only when " + join_and(conditions) + ".";
}

std::vector<Repair> repairs_of(const Report& report, const ToldConflict& told) {
    std::vector<Repair> out;
    std::set<std::pair<std::string, std::string>> known;
    for (const auto transaction : {told.pair->transaction, told.conflict->with})
        if (const auto* pair = find_pair(report, transaction, told.pair->invariant))
            for (const auto& repair : pair->repairs)
                if (known.emplace(repair.kind, repair.text).second) out.push_back(repair);
    return out;
}

const Pair* find_pair(const Report& report, std::uint32_t transaction, std::uint32_t invariant) {
    const auto found =
        std::lower_bound(report.pairs.begin(), report.pairs.end(), std::pair{transaction, invariant},
                         [](const Pair& pair, const std::pair<std::uint32_t, std::uint32_t>& wanted) {
                             return std::pair{pair.transaction, pair.invariant} < wanted;
                         });
    const bool match =
        found != report.pairs.end() && found->transaction == transaction && found->invariant == invariant;
    return match ? &*found : nullptr;
}

std::string counts_text(const Report& report) {
    const auto count = [](std::size_t n, const char* what) {
        return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
    };
    const auto& schema = *report.schema;
    return schema.file + ": " + count(schema.tables.size(), "table") + ", " +
           count(schema.transactions.size(), "transaction") + ", " +
           count(schema.invariants.size(), "invariant");
}

std::string routes_text(const Report& report) {
    std::vector<std::string> parts;
    using catalog::Route;
    for (const auto route : {Route::free, Route::escrow, Route::ordered, Route::read_only, Route::skipped}) {
        const auto count =
            std::count_if(report.plan.transactions.begin(), report.plan.transactions.end(),
                          [&](const catalog::PlannedTransaction& planned) { return planned.route == route; });
        if (count == 0) continue;
        std::string name = catalog::name_of(route);
        std::replace(name.begin(), name.end(), '_', ' ');
        parts.push_back(std::to_string(count) + " " + name);
    }
    return join(parts, ", ");
}

std::string route_meaning(catalog::Route route) {
    switch (route) {
        case catalog::Route::free:
            return "runs at any replica, asks nobody";
        case catalog::Route::escrow:
            return "runs at any replica within the rights it holds";
        case catalog::Route::ordered:
            return "waits for the primary";
        case catalog::Route::read_only:
            return "only reads";
        case catalog::Route::skipped:
            return "not analysed, cannot be called";
    }
    return {};
}

std::string merge_text(const catalog::Table& table, std::uint32_t column) {
    const auto& policy = table.columns[column].policy;
    std::string out = name_of(policy.merge);
    if (policy.merge != catalog::Merge::register_ && policy.merge != catalog::Merge::immutable) return out;
    std::vector<std::string> others;
    for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
        const auto& other = table.columns[i].policy;
        const bool grouped =
            other.merge == catalog::Merge::register_ || other.merge == catalog::Merge::immutable;
        if (i != column && grouped && other.group == policy.group && !table.columns[i].hidden)
            others.push_back(table.columns[i].name);
    }
    return others.empty() ? out : out + " with " + join(others, ", ");
}

}  // namespace anabranch::confluence
