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
        conditions.push_back(word.find(" = ") == std::string::npos ? "both are called with the same " + word
                                                                   : word);
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

namespace {

std::string anomaly_of(catalog::InvariantKind kind) {
    switch (kind) {
        case catalog::InvariantKind::primary_key:
        case catalog::InvariantKind::unique:
            return "two replicas can each accept a row with the same key";
        case catalog::InvariantKind::foreign_key:
            return "one replica can accept a row while another deletes or renames what it refers to";
        case catalog::InvariantKind::exclude:
            return "two replicas can each accept a row, and the two overlap";
        case catalog::InvariantKind::not_null:
        case catalog::InvariantKind::check:
        case catalog::InvariantKind::assertion:
        case catalog::InvariantKind::lost_update:
            break;
    }
    return "two replicas can each accept a change that keeps it, and the two together break it";
}

}  // namespace

std::vector<ToldNeed> coordination_needs(const Report& report) {
    std::map<std::uint32_t, ToldNeed> found;
    for (const auto& pair : report.pairs) {
        if (pair.verdict == Verdict::confluent) continue;
        const auto kind = report.schema->invariants[pair.invariant].kind;
        auto& need = found.emplace(pair.invariant, ToldNeed{pair.invariant, false, anomaly_of(kind), {}})
                         .first->second;
        need.proved = need.proved || pair.verdict == Verdict::not_confluent;
        for (const auto& repair : pair.repairs) {
            const bool known = std::any_of(need.repairs.begin(), need.repairs.end(),
                                           [&](const Repair& other) { return other.kind == repair.kind; });
            if (!known) need.repairs.push_back(repair);
        }
    }
    std::vector<ToldNeed> out;
    for (auto& [invariant, need] : found) out.push_back(std::move(need));
    return out;
}

std::string assumed_text() {
    return "The file declares no transaction that can be analysed. So it is assumed that any replica "
           "inserts, "
           "updates and deletes single rows of every table.";
}

std::string needs_text(const Report& report, std::size_t needs) {
    const auto& invariants = report.schema->invariants;
    const auto all = std::count_if(invariants.begin(), invariants.end(), [](const auto& invariant) {
        return invariant.kind != catalog::InvariantKind::lost_update;
    });
    if (needs == 0) return "No constraint needs coordination when several replicas write";
    return std::to_string(needs) + " of " + std::to_string(all) +
           " constraints need coordination when several replicas write";
}

bool Shown::says(const catalog::Table& table, std::uint32_t column) const {
    if (table.columns[column].hidden) return false;
    const auto merge = table.columns[column].policy.merge;
    const bool plain = merge == catalog::Merge::register_ || merge == catalog::Merge::immutable;
    return all_columns || !plain || merge_text(table, column) != name_of(merge);
}

bool Shown::lists(const catalog::PlannedTransaction& planned) const {
    return transactions_left_out == 0 || planned.route == catalog::Route::ordered ||
           planned.route == catalog::Route::skipped;
}

Shown shown_of(const Report& report) {
    constexpr std::size_t invariants_max = 20, transactions_max = 40, columns_max = 60;
    const auto& schema = *report.schema;
    Shown out;
    std::vector<bool> mentioned(schema.invariants.size()), open(schema.invariants.size());
    std::vector<bool> runs(schema.transactions.size()), conflicts(schema.transactions.size());
    for (const auto& pair : report.pairs) {
        mentioned[pair.invariant] = runs[pair.transaction] = true;
        if (pair.verdict == Verdict::confluent) continue;
        open[pair.invariant] = conflicts[pair.transaction] = true;
    }
    const auto choose = [](const std::vector<bool>& all, const std::vector<bool>& some, std::size_t max,
                           std::vector<std::uint32_t>& chosen) {
        const auto count = static_cast<std::size_t>(std::count(all.begin(), all.end(), true));
        for (std::uint32_t i = 0; i < all.size(); ++i)
            if (all[i] && (count <= max || some[i])) chosen.push_back(i);
        return count - chosen.size();
    };
    out.invariants_left_out = choose(mentioned, open, invariants_max, out.invariants);
    out.transactions_left_out = choose(runs, conflicts, transactions_max, out.transactions);
    std::size_t columns = 0;
    for (const auto& table : schema.tables) columns += table.columns.size();
    out.all_columns = columns <= columns_max;
    return out;
}

std::string left_out_text(std::size_t invariants) {
    return std::to_string(invariants) + " more invariants are kept whatever the transactions do apart.";
}

std::string meaning_text(const Report& report) {
    const auto& planned = report.plan.transactions;
    const bool ordered = std::any_of(planned.begin(), planned.end(),
                                     [](const auto& each) { return each.route == catalog::Route::ordered; });
    if (!ordered) return {};
    return "A free transaction commits at whichever replica it is called, even one cut off from the others, "
           "and no "
           "invariant can break when the replicas meet. An ordered one could break an invariant together "
           "with "
           "another one that runs elsewhere at the same time, so it waits for the primary.";
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

std::vector<std::string> reasons_of(const catalog::PlannedTransaction& planned) {
    const bool obvious = planned.route == catalog::Route::free || planned.route == catalog::Route::read_only;
    return obvious ? std::vector<std::string>{} : planned.reasons;
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

std::string percent(double part) {
    const auto tenths = static_cast<std::int64_t>(part * 1000 + 0.5);
    if (tenths == 0 && part > 0) return "<0.1 %";
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

ToldShare tell_share(const Report& report) {
    const Share& share = *report.share;
    ToldShare out;
    std::vector<std::string> mix;
    const auto name = [&](const Share::Part& part) {
        return report.schema->transactions[part.transaction].display();
    };
    for (const auto& part : share.parts) mix.push_back(name(part) + " " + percent(part.weight));
    out.title = "Of a workload of " + join_and(mix);
    const auto add = [&](double part, catalog::Route route) {
        std::vector<std::string> names;
        for (const auto& each : share.parts)
            if (each.route == route) names.push_back(name(each));
        if (names.empty()) return;
        std::string label = catalog::name_of(route);
        std::replace(label.begin(), label.end(), '_', ' ');
        out.routes.push_back(
            {percent(part), label + ": " + route_meaning(route) + " (" + join(names, ", ") + ")"});
    };
    add(share.free, catalog::Route::free);
    add(share.escrow, catalog::Route::escrow);
    add(share.ordered, catalog::Route::ordered);
    add(share.read_only, catalog::Route::read_only);
    if (!share.contention) return out;
    const auto& contention = *share.contention;
    std::string theta = std::to_string(contention.skew.theta);
    theta.erase(std::min(theta.find_last_not_of('0') + 1, theta.size()));
    if (theta.ends_with('.')) theta.pop_back();
    out.skew = "Their keys drawn from " + std::to_string(contention.skew.keys) +
               (contention.skew.theta > 0 ? " with skew " + theta + " (Zipf; the most popular key is drawn " +
                                                percent(contention.hottest) + " of the time)"
                                          : " evenly") +
               ", these calls have a conflict with another call that runs at the same time:";
    for (const auto& meeting : contention.meetings)
        out.meetings.push_back(
            {percent(meeting.share), "when " + std::to_string(meeting.calls) + " run at once"});
    return out;
}

}  // namespace anabranch::confluence
