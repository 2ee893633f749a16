#include <algorithm>

#include "confluence/check.h"
#include "confluence/report_page.h"
#include "confluence/report_parts.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

class Page {
  public:
    explicit Page(const Report& report)
        : report_(report),
          schema_(*report.schema),
          shown_(shown_of(report)),
          told_(conflicts_of(report, Verdict::not_confluent)),
          doubted_(conflicts_of(report, Verdict::unknown)) {}

    std::string run() {
        out_ =
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
        out_ += element("title", "", schema_.file + ": what must be coordinated") + "\n<style>" +
                std::string(page_style) + "</style>\n</head>\n<body>\n";
        out_ += element("h1", "", schema_.file) + "\n";
        out_ +=
            element("p", "soft", counts_text(report_)) + "\n" + element("p", "", routes_text(report_)) + "\n";
        if (const auto meaning = meaning_text(report_); !meaning.empty())
            out_ += element("p", "soft", meaning) + "\n";
        needs();
        routes();
        share();
        matrix();
        conflicts();
        doubts();
        merges();
        remarks();
        return std::move(out_) + "</body>\n</html>\n";
    }

  private:
    void heading(std::string_view text) { out_ += element("h2", "", text) + "\n"; }

    // A schema without transactions of its own.
    void needs() {
        if (!schema_.assumed_transactions) return;
        out_ += element("p", "", assumed_text()) + "\n";
        const auto needs = coordination_needs(report_);
        heading(needs_text(report_, needs.size()));
        if (needs.empty()) return;
        out_ += "<ul class=\"needs\">\n";
        for (const auto& need : needs) {
            const auto& invariant = schema_.invariants[need.invariant];
            out_ += "<li>" + element("code", "", invariant.name) + " of " +
                    element("code", "", invariant.table_name) + " " +
                    element("span", "soft small", place_text(invariant.at)) + "<br>" +
                    element("span", "soft", one_line(invariant.text, 300)) + "<br>" +
                    element("span", need.proved ? "bad" : "doubt",
                            (need.proved ? "" : "not proved safe: perhaps ") + need.anomaly);
            for (const auto& repair : need.repairs)
                out_ += "<br>" + element("strong", "", repair.kind) + ": " + escaped(repair.text);
            out_ += "</li>\n";
        }
        out_ += "</ul>\n";
    }

    void share() {
        if (!report_.share) return;
        const auto told = tell_share(report_);
        const auto table = [&](const std::vector<ToldShare::Row>& rows) {
            out_ += "<div class=\"scroll\"><table class=\"share\"><tbody>\n";
            for (const auto& row : rows)
                out_ +=
                    "<tr>" + element("td", "number", row.number) + element("td", "", row.text) + "</tr>\n";
            out_ += "</tbody></table></div>\n";
        };
        heading(told.title);
        table(told.routes);
        if (told.meetings.empty()) return;
        out_ += element("p", "", told.skew) + "\n";
        table(told.meetings);
    }

    void routes() {
        if (report_.plan.transactions.empty()) return;
        heading("Routes");
        out_ += "<div class=\"scroll\"><table class=\"rows\"><tbody>\n";
        for (const auto& planned : report_.plan.transactions) {
            if (!shown_.lists(planned)) continue;
            std::string label = catalog::name_of(planned.route);
            const std::string cls = "route " + label;
            std::replace(label.begin(), label.end(), '_', ' ');
            out_ += "<tr><td>" + element("code", "", planned.name) + "</td><td>" +
                    element("span", cls, label) + "</td><td>";
            out_ += escaped(route_meaning(planned.route));
            if (!planned.scope.empty())
                out_ +=
                    ", one after another for each value of " + element("code", "", join_and(planned.scope));
            if (const auto reasons = reasons_of(planned); !reasons.empty()) {
                out_ += "<ul class=\"soft small\">";
                for (const auto& reason : reasons) out_ += element("li", "", reason);
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
        const auto& shown = shown_.invariants;
        if (report_.pairs.empty()) return;
        heading("Transactions by invariants");
        out_ += "<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th></th>";
        for (std::size_t i = 0; i < shown.size(); ++i)
            out_ += "<th title=\"" + escaped(schema_.invariants[shown[i]].name) + "\">" +
                    std::to_string(i + 1) + "</th>";
        out_ += "</tr></thead><tbody>\n";
        for (const auto t : shown_.transactions) matrix_row(t, shown);
        out_ += "</tbody></table></div>\n<ol class=\"legend\">\n";
        for (const auto i : shown)
            out_ += "<li>" + element("code", "", schema_.invariants[i].name) + " " +
                    element("span", "soft", one_line(schema_.invariants[i].text, 120)) + "</li>\n";
        out_ += "</ol>\n";
        if (shown_.invariants_left_out > 0)
            out_ += element("p", "soft small", left_out_text(shown_.invariants_left_out)) + "\n";
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
            out_ += river(schema_, *told.conflict->witness);
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
        out_ += "<div class=\"scroll\"><table class=\"rows\"><tbody>\n";
        for (const auto& table : schema_.tables)
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                if (!shown_.says(table, i)) continue;
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
    const Shown shown_;
    std::vector<ToldConflict> told_, doubted_;
    std::string out_;
};

}  // namespace

std::string to_html(const Report& report) {
    return Page(report).run();
}

}  // namespace anabranch::confluence
