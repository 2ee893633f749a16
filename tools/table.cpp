#include <cstdio>
#include <string>

#include "confluence/bailis.h"
#include "confluence/report_parts.h"
#include "confluence/wording.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

using confluence::pad;

const char* answer(bool free) {
    return free ? "yes" : "no";
}
const char* answer(confluence::Verdict verdict) {
    switch (verdict) {
        case confluence::Verdict::confluent:
            return "yes";
        case confluence::Verdict::not_confluent:
            return "no";
        case confluence::Verdict::unknown:
            return "unknown";
    }
    return "";
}
bool as_expected(const confluence::TableCell& cell, confluence::Verdict verdict) {
    return verdict == (cell.ours ? confluence::Verdict::confluent : confluence::Verdict::not_confluent);
}

void row(const confluence::TableCell& cell, const confluence::DecidedCell& decided) {
    std::string line = pad(cell.number, 4) + pad(cell.invariant, 22) + pad(cell.operation, 45) +
                       pad(answer(cell.paper), 7) + pad(answer(decided.verdict), 9) + decided.because;
    std::printf("%s\n", line.c_str());
    if (*cell.remark != '\0') std::printf("      %s\n", cell.remark);
}

int show(const std::string& number) {
    for (const auto& cell : confluence::bailis_table()) {
        if (number != cell.number) continue;
        const auto decided = confluence::decide(cell);
        if (!decided) return explain(decided.error());
        std::printf("-- %s by %s%s\n%s", cell.invariant, cell.operation, cell.schema,
                    confluence::to_text(decided->report, 100, false).c_str());
        return 0;
    }
    std::string known;
    for (const auto& cell : confluence::bailis_table())
        known += (known.empty() ? "" : ", ") + std::string(cell.number);
    explain(Error::make(sqlstate::undefined_object, "the table has no row " + number)
                .with_hint("Rows: " + known + "."));
    return 2;
}

}  // namespace

int table(const TableArguments& arguments) {
    if (!arguments.show.empty()) return show(arguments.show);
    std::printf(
        "Can the invariant be kept without coordination? Bailis et al. 2015, table 2, and what the checker\n"
        "decides of a small schema for each row ('anabranch table --show 7' prints it with its report).\n"
        "Rows with a letter are variants: close to their row, but not the same.\n\n%s\n",
        (pad("", 4) + pad("invariant", 22) + pad("operation", 45) + pad("paper", 7) + pad("checker", 9) +
         "because")
            .c_str());
    std::size_t rows = 0, agreed = 0, variants = 0, surprises = 0;
    for (const auto& cell : confluence::bailis_table()) {
        const auto decided = confluence::decide(cell);
        if (!decided) return explain(decided.error());
        row(cell, *decided);
        if (!as_expected(cell, decided->verdict)) ++surprises;
        if (cell.variant()) {
            ++variants;
        } else {
            ++rows;
            if (decided->verdict ==
                (cell.paper ? confluence::Verdict::confluent : confluence::Verdict::not_confluent))
                ++agreed;
        }
    }
    std::printf("\n%zu of %zu rows as in the paper; %zu variants differ from their row.\n", agreed, rows,
                variants);
    return surprises == 0 ? 0 : 1;
}

}  // namespace anabranch::tools
