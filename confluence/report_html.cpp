#include <algorithm>
#include <map>

#include "confluence/check.h"
#include "confluence/report_parts.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --bg: #fbfaf6; --card: #ffffff; --ink: #1c2730; --soft: #5b6872;
  --line: #dcdcd3;
  --river: #2a6f97; --good: #23744a; --bad: #b3261e; --doubt: #8a6100; --badbg: #fdecea; --doubtbg: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --bg: #11171c; --card: #1a2229; --ink: #e1e8ec;
  --soft: #9aa8b2; --line: #2f3a43;
  --river: #6cb6dd; --good: #6fcf97; --bad: #ff8a80; --doubt: #f2c14e; --badbg: #3a1c1b; --doubtbg: #352a10;
  } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 64rem; background: var(--bg); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; } h3 {
  font-size: 1.05rem; margin: 0 0 .3rem; }
p { margin: .3rem 0; } a { color: var(--river); } .soft { color: var(--soft); } .small { font-size: .875rem; }
code, .call { font: .9em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .6rem;
  border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tr:last-child > * { border-bottom: 0; } thead th { font-weight: 600; font-size: .85rem; color: var(--soft); }
.matrix th:first-child { position: sticky; left: 0; background: var(--card); white-space: nowrap; }
.matrix td, .matrix thead th { text-align: center; padding: .3rem .45rem; } .matrix thead th:first-child {
  text-align: left; }
.ok { color: var(--good); } .no { background: var(--badbg); } .no a, .bad { color: var(--bad);
  font-weight: 700; text-decoration: none; }
.maybe { background: var(--doubtbg); } .maybe a, .doubt { color: var(--doubt); font-weight: 700;
  text-decoration: none; }
ol.legend { columns: 20rem; padding-left: 1.6rem; font-size: .875rem; } ol.legend li { break-inside: avoid; }
.route { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .8rem;
  border: 1px solid currentColor; }
.route.free, .route.escrow { color: var(--good); } .route.ordered { color: var(--bad); }
  .route.read_only, .route.skipped { color: var(--soft); }
ul { margin: .2rem 0; padding-left: 1.2rem; } .card { background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.river { margin: 1rem auto 0; max-width: 46rem; } .stem { max-width: 24rem; margin: 0 auto; }
.lanes { display: grid; gap: 0 .8rem; } .lane { border-left: 3px solid var(--river);
  padding: .35rem 0 .35rem .6rem; min-width: 0; }
.lane.name { font-weight: 600; color: var(--river); padding-bottom: 0; } .stem .lane { margin: 0; }
.call { font-weight: 600; } .wrote { font-size: .82rem; color: var(--soft); }
svg.fork { display: block; width: 100%; height: 2rem; } svg.fork path { fill: none; stroke: var(--river);
  stroke-width: 3; vector-effect: non-scaling-stroke; }
.tell { text-align: center; color: var(--soft); font-size: .82rem; } .broken { border: 2px solid var(--bad);
  background: var(--badbg); border-radius: .5rem; padding: .6rem .8rem; }
.broken ul { list-style: none; padding: 0; } pre { overflow-x: auto; padding: .6rem; background: var(--bg);
  border-radius: .4rem; font-size: .8rem; }
details > summary { cursor: pointer; color: var(--river); font-size: .9rem; margin-top: .6rem; }
@media (max-width: 34rem) { body { padding: .7rem; } .card { padding: .7rem; } .lanes { gap: 0 .4rem; }
  .lane { padding-left: .4rem; } .call { font-size: .78rem; } }
)css";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out.push_back(c);
        }
    }
    return out;
}

std::string element(std::string_view tag, std::string_view cls, std::string_view text) {
    std::string out = "<" + std::string(tag);
    if (!cls.empty()) out += " class=\"" + std::string(cls) + "\"";
    return out + ">" + escaped(text) + "</" + std::string(tag) + ">";
}

// ---- A witness as a river: one stem, branches that run apart, and where they meet ----

class River {
  public:
    River(const catalog::Schema& schema, const Witness& witness)
        : schema_(schema),
          witness_(witness),
          history_(witness.history),
          count_(std::max<std::uint32_t>(1, history_.replicas)) {}

    std::string run() {
        out_ = "<div class=\"river\">\n";
        if (!schema_.initial.empty())
            out_ += element("p", "tell", "start: the rows that " + schema_.file + " inserts") + "\n";
        for (std::size_t i = 0; i < history_.steps.size(); ++i) {
            if (const auto* call = std::get_if<CallStep>(&history_.steps[i]))
                calls_.emplace_back(i, call);
            else
                delivery(i);
        }
        if (!calls_.empty()) phase();
        ending();
        return std::move(out_) + "</div>\n";
    }

  private:
    void delivery(std::size_t step) {
        phase();
        if (const auto* one = std::get_if<DeliverStep>(&history_.steps[step])) {
            out_ +=
                element("p", "tell",
                        replica_name(one->source) + " tells " + replica_name(one->target) + " all it knows") +
                "\n";
        } else if (apart_) {
            connector(false);
            apart_ = false;
        }
    }

    // The calls since the last delivery.
    void phase() {
        if (calls_.empty()) return;
        const bool stem = !apart_ &&
                          std::all_of(calls_.begin(), calls_.end(),
                                      [&](const auto& call) { return call.second->replica == 0; }) &&
                          calls_.back().first + 1 < history_.steps.size() && later_calls();
        if (stem) {
            out_ += "<div class=\"stem\"><div class=\"lane name\">known to all</div>\n";
            for (const auto& [step, call] : calls_)
                out_ += "<div class=\"lane\">" + told(step, *call) + "</div>\n";
            out_ += "</div>\n";
        } else {
            if (!apart_) connector(true);
            apart_ = true;
            lanes();
        }
        calls_.clear();
    }
    bool later_calls() const {
        return std::any_of(history_.steps.begin() + static_cast<std::ptrdiff_t>(calls_.back().first) + 1,
                           history_.steps.end(),
                           [](const Step& step) { return std::holds_alternative<CallStep>(step); });
    }

    void lanes() {
        out_ += "<div class=\"lanes\" style=\"grid-template-columns: repeat(" + std::to_string(count_) +
                ", 1fr)\">\n";
        for (std::uint32_t i = 0; i < count_; ++i)
            out_ += element("div", "lane name", "replica " + replica_name(i)) + "\n";
        std::vector<std::string> band(count_);
        std::uint32_t next = 0;
        const auto flush = [&] {
            for (auto& cell : band) out_ += "<div class=\"lane\">" + std::exchange(cell, {}) + "</div>\n";
            next = 0;
        };
        for (const auto& [step, call] : calls_) {
            // Side by side means apart; where the clock decides who wins, the later one stands below.
            if (call->replica < next || (next > 0 && !witness_.replayed.lost.empty())) flush();
            band[call->replica] = told(step, *call);
            next = call->replica + 1;
        }
        flush();
        out_ += "</div>\n";
    }

    std::string told(std::size_t step, const CallStep& call) const {
        std::string text = call.transaction.empty()
                               ? call.statement
                               : call.transaction + "(" + shorten_keys(list_of(call.arguments)) + ")";
        for (std::size_t i = 0; i < call.names.size(); ++i) text += (i == 0 ? " as " : " ") + call.names[i];
        std::string out = element("div", "call", text);
        if (step >= witness_.replayed.steps.size()) return out;
        const auto& outcome = witness_.replayed.steps[step];
        if (outcome.refused) out += element("div", "wrote bad", "refused: " + outcome.error);
        for (const auto& wrote : outcome.wrote) out += element("div", "wrote", shorten_keys(wrote));
        return out;
    }

    // Where the lanes part (or meet): a curve from the middle to the left edge of each lane.
    void connector(bool part) {
        out_ +=
            "<svg class=\"fork\" viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\" aria-hidden=\"true\">";
        for (std::uint32_t i = 0; i < count_; ++i) {
            const std::string lane = std::to_string(i * 1000 / count_ + 2);
            out_ += part ? "<path d=\"M500 0 C500 25 " + lane + " 15 " + lane + " 40\"/>"
                         : "<path d=\"M" + lane + " 0 C" + lane + " 25 500 15 500 40\"/>";
        }
        out_ += "</svg>\n";
    }

    void ending() {
        out_ += "<div class=\"broken\">\n";
        std::map<std::uint32_t, std::vector<std::string>> violated;
        for (const auto& violations : witness_.replayed.violations)
            for (const auto& violation : violations) violated.emplace(violation.invariant, violation.rows);
        for (const auto& [index, rows] : violated) {
            const auto& invariant = schema_.invariants[index];
            out_ += "<div><span class=\"bad\">" + escaped(invariant.name) + "</span> " +
                    element("code", "", one_line(invariant.text, 200)) + "<ul>";
            for (const auto& row : rows) out_ += "<li>" + element("code", "", shorten_keys(row)) + "</li>";
            out_ += "</ul></div>\n";
        }
        for (const auto& lost : witness_.replayed.lost)
            out_ += "<div><span class=\"bad\">" + escaped(lost.invariant) + "</span> " + escaped(lost.text) +
                    "</div>\n";
        out_ += "</div>\n";
    }

    const catalog::Schema& schema_;
    const Witness& witness_;
    const History& history_;
    std::uint32_t count_;
    bool apart_ = false;
    std::vector<std::pair<std::size_t, const CallStep*>> calls_;
    std::string out_;
};

// ---- The page ----

class Page {
  public:
    explicit Page(const Report& report)
        : report_(report),
          schema_(*report.schema),
          told_(conflicts_of(report, Verdict::not_confluent)),
          doubted_(conflicts_of(report, Verdict::unknown)) {}

    std::string run() {
        out_ =
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
        out_ += element("title", "", schema_.file + ": what must be coordinated") + "\n<style>" +
                std::string(style) + "</style>\n</head>\n<body>\n";
        out_ += element("h1", "", schema_.file) + "\n";
        out_ +=
            element("p", "soft", counts_text(report_)) + "\n" + element("p", "", routes_text(report_)) + "\n";
        routes();
        matrix();
        conflicts();
        doubts();
        merges();
        remarks();
        return std::move(out_) + "</body>\n</html>\n";
    }

  private:
    void heading(std::string_view text) { out_ += element("h2", "", text) + "\n"; }

    void routes() {
        if (report_.plan.transactions.empty()) return;
        heading("Routes");
        out_ += "<div class=\"scroll\"><table><tbody>\n";
        for (const auto& planned : report_.plan.transactions) {
            std::string label = catalog::name_of(planned.route);
            const std::string cls = "route " + label;
            std::replace(label.begin(), label.end(), '_', ' ');
            out_ += "<tr><td>" + element("code", "", planned.name) + "</td><td>" +
                    element("span", cls, label) + "</td><td>";
            out_ += escaped(route_meaning(planned.route));
            if (!planned.scope.empty())
                out_ += ", one after another for each " + element("code", "", join(planned.scope, ", "));
            if (!planned.reasons.empty()) {
                out_ += "<ul class=\"soft small\">";
                for (const auto& reason : planned.reasons) out_ += element("li", "", reason);
                out_ += "</ul>";
            }
            out_ += "</td></tr>\n";
        }
        out_ += "</tbody></table></div>\n";
    }

    std::string anchor(const Pair& pair) const {
        const auto number = [&](const std::vector<ToldConflict>& list) -> std::string {
            for (std::size_t i = 0; i < list.size(); ++i) {
                const auto& told = list[i];
                const bool same =
                    told.pair->invariant == pair.invariant &&
                    (told.pair->transaction == pair.transaction || told.conflict->with == pair.transaction);
                if (same) return std::to_string(i + 1);
            }
            return {};
        };
        const bool told = pair.verdict == Verdict::not_confluent;
        const std::string found = number(told ? told_ : doubted_);
        return found.empty() ? found : (told ? "#c" : "#u") + found;
    }
    std::string mark(const Pair& pair, std::string_view sign) const {
        const std::string target = anchor(pair);
        return target.empty() ? std::string(sign)
                              : "<a href=\"" + target + "\">" + std::string(sign) + "</a>";
    }

    void matrix() {
        std::vector<bool> mentioned(schema_.invariants.size());
        for (const auto& pair : report_.pairs) mentioned[pair.invariant] = true;
        std::vector<std::uint32_t> shown;
        for (std::uint32_t i = 0; i < mentioned.size(); ++i)
            if (mentioned[i]) shown.push_back(i);
        if (shown.empty()) return;
        heading("Transactions by invariants");
        out_ += "<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th></th>";
        for (std::size_t i = 0; i < shown.size(); ++i)
            out_ += "<th title=\"" + escaped(schema_.invariants[shown[i]].name) + "\">" +
                    std::to_string(i + 1) + "</th>";
        out_ += "</tr></thead><tbody>\n";
        for (std::uint32_t t = 0; t < schema_.transactions.size(); ++t) matrix_row(t, shown);
        out_ += "</tbody></table></div>\n<ol class=\"legend\">\n";
        for (const auto i : shown)
            out_ += "<li>" + element("code", "", schema_.invariants[i].name) + " " +
                    element("span", "soft", one_line(schema_.invariants[i].text, 120)) + "</li>\n";
        out_ += "</ol>\n";
    }
    void matrix_row(std::uint32_t t, const std::vector<std::uint32_t>& shown) {
        std::string row = "<tr>" + element("th", "", schema_.transactions[t].display());
        bool any = false;
        for (const auto i : shown) {
            const auto* pair = find_pair(report_, t, i);
            any = any || pair != nullptr;
            if (pair == nullptr)
                row += "<td></td>";
            else if (pair->verdict == Verdict::confluent)
                row += "<td class=\"ok\" title=\"" + escaped(pair->rule) + "\">&#10003;</td>";
            else if (pair->verdict == Verdict::not_confluent)
                row += "<td class=\"no\">" + mark(*pair, "&#10007;") + "</td>";
            else
                row += "<td class=\"maybe\">" + mark(*pair, "?") + "</td>";
        }
        if (any) out_ += row + "</tr>\n";
    }

    void conflicts() {
        if (told_.empty()) return;
        heading("Conflicts");
        for (std::size_t i = 0; i < told_.size(); ++i) conflict(told_[i], i + 1);
    }
    void conflict(const ToldConflict& told, std::size_t number) {
        const auto& invariant = schema_.invariants[told.pair->invariant];
        out_ += "<section class=\"card\" id=\"c" + std::to_string(number) + "\">\n";
        out_ += "<h3>" + std::to_string(number) + ". " + escaped(who(report_, told)) + " against " +
                element("code", "", invariant.name) + "</h3>\n";
        out_ += "<p class=\"small soft\">" + element("code", "", one_line(invariant.text, 300)) + " " +
                escaped(place_text(invariant.at)) + "</p>\n";
        if (!told.conflict->why.empty()) out_ += element("p", "", told.conflict->why) + "\n";
        if (const auto scope = when(report_, told); !scope.empty()) out_ += element("p", "", scope) + "\n";
        if (told.conflict->witness) {
            out_ += River(schema_, *told.conflict->witness).run();
            out_ += "<details><summary>run it again</summary>" +
                    element("pre", "", told.conflict->witness->scenario) + "</details>\n";
        }
        const auto repairs = repairs_of(report_, told);
        if (!repairs.empty()) {
            out_ += element("p", "", "What would help, each checked:") + "<ul>";
            for (const auto& repair : repairs)
                out_ += "<li>" + element("strong", "", repair.kind) + ": " + escaped(repair.text) + "</li>";
            out_ += "</ul>\n";
        }
        out_ += "</section>\n";
    }

    void doubts() {
        if (doubted_.empty()) return;
        heading("Not proved safe, so ordered");
        out_ += element("p", "soft small", "No history that breaks these was found either.") + "\n<ul>\n";
        for (std::size_t i = 0; i < doubted_.size(); ++i) {
            const auto& told = doubted_[i];
            const auto& why = told.conflict->why.empty() ? told.pair->reason : told.conflict->why;
            out_ += "<li id=\"u" + std::to_string(i + 1) + "\">" + escaped(who(report_, told)) + " against " +
                    element("code", "", schema_.invariants[told.pair->invariant].name) +
                    (why.empty() ? "" : ": " + escaped(why)) + "</li>\n";
        }
        out_ += "</ul>\n";
    }

    void merges() {
        heading("How columns merge");
        out_ += "<div class=\"scroll\"><table><tbody>\n";
        for (const auto& table : schema_.tables)
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                if (table.columns[i].hidden) continue;
                out_ += "<tr><td>" + element("code", "", table.display() + "." + table.columns[i].name) +
                        "</td><td>" + escaped(merge_text(table, i)) + "</td>" +
                        element("td", "soft small", table.columns[i].policy.reason) + "</tr>\n";
            }
        out_ += "</tbody></table></div>\n";
    }

    void remarks() {
        const auto list = [&](std::string_view title, const std::vector<std::string>& items) {
            if (items.empty()) return;
            heading(title);
            out_ += "<ul>\n";
            for (const auto& item : items) out_ += element("li", "", item) + "\n";
            out_ += "</ul>\n";
        };
        std::vector<std::string> vacuous, warnings;
        for (const auto& each : report_.vacuous) vacuous.push_back(each.subject + ": " + each.text);
        for (const auto& warning : report_.warnings) {
            const auto place = place_text(warning.at);
            warnings.push_back((place.empty() ? "" : place + ": ") + warning.message);
        }
        list("Never true or never run", vacuous);
        list("Warnings", warnings);
        list("What the proofs rely on", report_.plan.assumptions);
    }

    const Report& report_;
    const catalog::Schema& schema_;
    std::vector<ToldConflict> told_, doubted_;
    std::string out_;
};

}  // namespace

std::string to_html(const Report& report) {
    return Page(report).run();
}

}  // namespace anabranch::confluence
