#include "confluence/bailis.h"

#include <utility>

#include "confluence/report_parts.h"
#include "lib/catalog/load.h"

namespace anabranch::confluence {

namespace {

// The strongest thing to say first: a conflict, a doubt, a proof by the solver, a rule.
int weight_of(const Pair& pair) {
    if (pair.verdict == Verdict::not_confluent) return 3;
    if (pair.verdict == Verdict::unknown) return 2;
    return pair.rule == "cannot touch" || pair.rule == "reads only" ? 0 : 1;
}

std::string because(const Report& report, const Pair& pair) {
    if (pair.conflicts.empty()) return pair.rule;
    const ToldConflict told{&pair, &pair.conflicts.front()};
    const std::string condition = when(report, told);
    return who(report, told) + (condition.empty() ? "" : ". " + condition);
}

}  // namespace

Result<DecidedCell> decide(const TableCell& cell) {
    const catalog::ScriptFile file{"row " + std::string(cell.number), cell.schema};
    auto loaded = catalog::load({&file, 1});
    if (loaded.schema == nullptr)
        return fail(Error::make(sqlstate::internal_error, "the schema of " + file.name + " does not load")
                        .with_detail(loaded.rendered_errors));
    Options options;
    options.repairs = false;
    TRY(auto report, check(loaded.schema, options));
    DecidedCell out;
    const Pair* strongest = nullptr;
    for (const auto& pair : report.pairs) {
        const auto& name = report.schema->invariants[pair.invariant].name;
        if (*cell.about != '\0' && name != cell.about) continue;
        if (strongest == nullptr || weight_of(pair) > weight_of(*strongest)) strongest = &pair;
    }
    if (strongest == nullptr)
        return fail(Error::make(sqlstate::internal_error,
                                file.name + " has no invariant " + std::string(cell.about)));
    out.verdict = strongest->verdict;
    out.because = because(report, *strongest);
    out.report = std::move(report);
    return out;
}

}  // namespace anabranch::confluence
