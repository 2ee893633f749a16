#include <algorithm>
#include <map>
#include <utility>

#include "confluence/report_page.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

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

namespace {

class River {
  public:
    River(const catalog::Schema& schema, const Witness& witness)
        : schema_(schema),
          witness_(witness),
          history_(witness.history),
          count_(std::max<std::uint32_t>(1, history_.replicas)) {}

    std::string run() {
        out_ = "<div class=\"river\">\n";
        stem(element("div", "lane name",
                     schema_.initial.empty() ? "start: empty tables"
                                             : "start: the rows that " + schema_.file + " inserts"));
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
            stem(element("div", "lane name", "they meet: each knows what the others did"));
        }
    }

    // The calls since the last delivery.
    void phase() {
        if (calls_.empty()) return;
        const bool together = !apart_ &&
                              std::all_of(calls_.begin(), calls_.end(),
                                          [&](const auto& call) { return call.second->replica == 0; }) &&
                              calls_.back().first + 1 < history_.steps.size() && later_calls();
        if (together) {
            std::string lanes;
            for (const auto& [step, call] : calls_)
                lanes += "<div class=\"lane\">" + told(step, *call) + "</div>\n";
            stem(lanes);
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
        std::string text =
            call.transaction.empty()
                ? call.statement
                : call.transaction + "(" + shorten_keys(without_casts(list_of(call.arguments))) + ")";
        for (std::size_t i = 0; i < call.names.size(); ++i) text += (i == 0 ? " as " : " ") + call.names[i];
        std::string out = element("div", "call", text);
        if (step >= witness_.replayed.steps.size()) return out;
        const auto& outcome = witness_.replayed.steps[step];
        if (outcome.refused) out += element("div", "wrote bad", "refused: " + outcome.error);
        for (const auto& wrote : outcome.wrote) out += element("div", "wrote", shorten_keys(wrote));
        return out;
    }

    void stem(const std::string& lanes) {
        out_ += "<div style=\"margin-left: " + middle() + "%\">" + lanes + "</div>\n";
    }

    // Half way between the left edges of the first and the last lane, in percent: where the stem stands.
    std::string middle() const { return std::to_string((count_ - 1) * 100 / (2 * count_)); }

    // Where the lanes part (or meet): a curve from the stem to the left edge of each lane. The lines are
    // drawn inside the box, whose edges are the middle of the outermost stroke.
    void connector(bool part) {
        out_ +=
            "<svg class=\"fork\" viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\" aria-hidden=\"true\">";
        const std::string stem = std::to_string((count_ - 1) * 1000 / (2 * count_) + 2);
        for (std::uint32_t i = 0; i < count_; ++i) {
            const std::string lane = std::to_string(i * 1000 / count_ + 2);
            out_ += part ? "<path d=\"M" + stem + " 0 C" + stem + " 25 " + lane + " 15 " + lane + " 40\"/>"
                         : "<path d=\"M" + lane + " 0 C" + lane + " 25 " + stem + " 15 " + stem + " 40\"/>";
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

}  // namespace

std::string river(const catalog::Schema& schema, const Witness& witness) {
    return River(schema, witness).run();
}

}  // namespace anabranch::confluence
