#include <algorithm>
#include <map>

#include "confluence/history.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

constexpr std::size_t width_min = 40;
constexpr std::string_view gutter = " | ";

class Teller {
  public:
    Teller(const catalog::Schema& schema, const History& history, const Replayed& replayed, std::size_t width)
        : schema_(schema), history_(history), replayed_(replayed), width_(std::max(width, width_min)) {
        const std::size_t count = std::max<std::size_t>(history.replicas, 1);
        column_ = (width_ - gutter.size() * (count - 1)) / count;
        cells_.resize(count);
    }

    std::vector<std::string> run() {
        head();
        for (std::size_t i = 0; i < history_.steps.size(); ++i) {
            const StepOutcome* outcome = i < replayed_.steps.size() ? &replayed_.steps[i] : nullptr;
            if (const auto* call = std::get_if<CallStep>(&history_.steps[i]))
                tell_call(*call, outcome);
            else
                tell_delivery(i);
        }
        end_band();
        ending();
        return std::move(lines_);
    }

  private:
    void line(std::string text) {
        while (text.ends_with(' ')) text.pop_back();
        lines_.push_back(std::move(text));
    }

    void head() {
        for (std::uint32_t i = 0; i < history_.replicas; ++i) cells_[i] = {"replica " + replica_name(i)};
        end_band();
        std::string rule;
        for (std::size_t i = 0; i < cells_.size(); ++i)
            rule += (i > 0 ? "-+-" : "") + std::string(column_, '-');
        line(rule);
        if (!schema_.initial.empty()) banner("start: the rows that " + schema_.file + " inserts", ' ');
    }

    // ---- Calls, side by side ----

    void tell_call(const CallStep& call, const StepOutcome* outcome) {
        if (call.replica >= cells_.size()) return;
        // Calls side by side happen apart; where the clock decides who wins, the later one stands below.
        const bool occupied = std::any_of(cells_.begin() + static_cast<std::ptrdiff_t>(call.replica),
                                          cells_.end(), [](const auto& cell) { return !cell.empty(); });
        if (occupied || !replayed_.lost.empty()) end_band();
        auto& cell = cells_[call.replica];
        add(cell, title(call), 0);
        if (outcome == nullptr) return;
        if (outcome->refused) add(cell, "refused: " + shorten_keys(outcome->error), 2);
        for (const auto& text : outcome->wrote) add(cell, shorten_keys(text), 2);
        if (!outcome->result.empty()) add(cell, "returns " + shorten_keys(outcome->result), 2);
        if (!outcome->refused && outcome->wrote.empty() && outcome->result.empty())
            add(cell, "changes nothing", 2);
    }

    static std::string title(const CallStep& call) {
        std::string out =
            call.transaction.empty()
                ? one_line(call.statement, 400)
                : call.transaction + "(" + shorten_keys(without_casts(list_of(call.arguments))) + ")";
        for (std::size_t i = 0; i < call.names.size(); ++i) out += (i == 0 ? " as " : " ") + call.names[i];
        if (call.clock_millis != 0)
            out += " (clock " + std::string(call.clock_millis > 0 ? "+" : "") +
                   std::to_string(call.clock_millis) + " ms)";
        return out;
    }

    void add(std::vector<std::string>& cell, const std::string& text, std::size_t indent) const {
        bool first = true;
        for (const auto& part : wrap(text, column_ - indent - 2)) {
            cell.push_back(std::string(indent + (first ? 0 : 2), ' ') + part);
            first = false;
        }
    }

    void end_band() {
        std::size_t height = 0;
        for (const auto& cell : cells_) height = std::max(height, cell.size());
        for (std::size_t row = 0; row < height; ++row) {
            std::string out;
            for (std::size_t i = 0; i < cells_.size(); ++i) {
                if (i > 0) out += gutter;
                out += pad(row < cells_[i].size() ? cells_[i][row] : "", column_);
            }
            line(out);
        }
        for (auto& cell : cells_) cell.clear();
    }

    // ---- Deliveries ----

    void tell_delivery(std::size_t step) {
        end_band();
        if (const auto* one = std::get_if<DeliverStep>(&history_.steps[step])) {
            banner(replica_name(one->source) + " tells " + replica_name(one->target) + " all it knows", '-');
            return;
        }
        const bool last =
            std::none_of(history_.steps.begin() + static_cast<std::ptrdiff_t>(step) + 1, history_.steps.end(),
                         [](const Step& later) { return std::holds_alternative<CallStep>(later); });
        const std::string all = replica_names(history_.replicas);
        const std::string word = history_.replicas == 2 ? " both " : " all ";
        banner(last ? "they meet: " + all + word + "hold everything"
                    : all + word + "know this; now they lose touch",
               last ? '=' : '-');
    }

    void banner(const std::string& text, char rule) {
        for (const auto& part : wrap(text, width_ - 4)) {
            const std::size_t used = width_of(part) + 2;
            const std::size_t left = used < width_ ? (width_ - used) / 2 : 0;
            const std::size_t right = used + left < width_ ? width_ - used - left : 0;
            line(std::string(left, rule) + " " + part + " " + std::string(right, rule));
        }
    }

    // ---- What came of it ----

    void ending() {
        struct Shown {
            std::vector<std::string> replicas;
            std::vector<std::string> rows;
        };
        std::map<std::uint32_t, Shown> violated;
        for (std::uint32_t replica = 0; replica < replayed_.violations.size(); ++replica)
            for (const auto& violation : replayed_.violations[replica]) {
                auto& shown = violated[violation.invariant];
                shown.replicas.push_back(replica_name(replica));
                if (shown.rows.empty()) shown.rows = violation.rows;
            }
        for (const auto& [index, shown] : violated) {
            const auto& invariant = schema_.invariants[index];
            indented(invariant.name + " is violated at " + join_and(shown.replicas) + ":", 0);
            if (!invariant.text.empty()) indented(one_line(invariant.text, 200), 2);
            for (std::size_t i = 0; i < shown.rows.size(); ++i)
                indented((i == 0 ? "but there is " : "and ") + shorten_keys(shown.rows[i]), 2);
        }
        for (const auto& lost : replayed_.lost) {
            indented(lost.invariant + ": a write is lost", 0);
            indented(lost.text, 2);
        }
        if (violated.empty() && replayed_.lost.empty()) indented("every invariant holds", 0);
    }

    void indented(const std::string& text, std::size_t indent) {
        bool first = true;
        for (const auto& part : wrap(text, width_ - indent - 2)) {
            line(std::string(indent + (first ? 0 : 2), ' ') + part);
            first = false;
        }
    }

    const catalog::Schema& schema_;
    const History& history_;
    const Replayed& replayed_;
    std::size_t width_;
    std::size_t column_ = 0;
    std::vector<std::vector<std::string>> cells_;  // the band being filled, by replica
    std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> tell(const catalog::Schema& schema, const History& history, const Replayed& replayed,
                              std::size_t width) {
    return Teller(schema, history, replayed, width).run();
}

}  // namespace anabranch::confluence
