#include <algorithm>

#include "confluence/check.h"
#include "confluence/report_parts.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

constexpr std::size_t width_min = 60;

enum class Ink { plain, strong, faint, good, bad, doubtful };

class Printer {
  public:
    Printer(const Report& report, std::size_t width, bool colour)
        : report_(report),
          schema_(*report.schema),
          shown_(shown_of(report)),
          width_(std::max(width, width_min)),
          colour_(colour) {}

    std::string run() {
        summary();
        needs();
        matrix();
        routes();
        share();
        conflicts();
        doubts();
        vacuous();
        warnings();
        merges();
        footer();
        return std::move(out_);
    }

  private:
    std::string ink(std::string text, Ink kind) const {
        if (!colour_ || kind == Ink::plain) return text;
        const char* code = "";
        switch (kind) {
            case Ink::plain:
                break;
            case Ink::strong:
                code = "1";
                break;
            case Ink::faint:
                code = "2";
                break;
            case Ink::good:
                code = "32";
                break;
            case Ink::bad:
                code = "1;31";
                break;
            case Ink::doubtful:
                code = "33";
                break;
        }
        return "\x1b[" + std::string(code) + "m" + text + "\x1b[0m";
    }
    void line(std::string text = {}) {
        while (text.ends_with(' ')) text.pop_back();
        out_ += text + "\n";
    }
    void title(const std::string& text) {
        line();
        for (const auto& part : wrap(text, width_)) line(ink(part, Ink::strong));
    }
    // Wrapped behind `head`, following lines under the same column.
    void hanging(const std::string& head, const std::string& text, Ink kind = Ink::plain) {
        const std::size_t indent = std::min(width_of(head), width_ / 2);
        const auto parts = wrap(text, width_ - indent);
        for (std::size_t i = 0; i < parts.size(); ++i)
            line((i == 0 ? head : std::string(indent, ' ')) + ink(parts[i], kind));
    }

    void summary() {
        line(ink(counts_text(report_), Ink::strong));
        const auto told = conflicts_of(report_, Verdict::not_confluent).size();
        const auto doubted = conflicts_of(report_, Verdict::unknown).size();
        std::string text =
            routes_text(report_) + "; " + std::to_string(told) + (told == 1 ? " conflict" : " conflicts");
        if (doubted > 0) text += ", " + std::to_string(doubted) + " not proved";
        line(text);
        if (const auto meaning = meaning_text(report_); !meaning.empty()) {
            line();
            hanging("", meaning);
        }
    }

    // ---- A schema without transactions ----

    void needs() {
        if (!schema_.assumed_transactions) return;
        line();
        hanging("", assumed_text());
        const auto needs = coordination_needs(report_);
        title(needs_text(report_, needs.size()));
        for (const auto& need : needs) {
            const auto& invariant = schema_.invariants[need.invariant];
            hanging("  ", invariant.name + " of " + invariant.table_name + "   " +
                              one_line(invariant.text, 200) + "   (" + place_text(invariant.at) + ")");
            hanging("    ", (need.proved ? "" : "not proved safe: perhaps ") + need.anomaly,
                    need.proved ? Ink::bad : Ink::doubtful);
            for (const auto& repair : need.repairs) hanging("    " + repair.kind + ": ", repair.text);
        }
        if (needs.size() < schema_.invariants.size())
            hanging("  ", "All others hold at every replica without coordination.");
    }

    // ---- How columns merge ----

    void merges() {
        std::size_t names = 0, kinds = 0;
        for (const auto& table : schema_.tables)
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                if (!shown_.says(table, i)) continue;
                names = std::max(names, width_of(table.display() + "." + table.columns[i].name));
                kinds = std::max(kinds, width_of(merge_text(table, i)));
            }
        names = std::min(names, width_ / 3);
        kinds = std::min(kinds, width_ / 4);
        title("How columns merge");
        for (const auto& table : schema_.tables)
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                const auto& column = table.columns[i];
                if (!shown_.says(table, i)) continue;
                hanging("  " + pad(table.display() + "." + column.name, names) + "  " +
                            pad(merge_text(table, i), kinds) + "  ",
                        column.policy.reason);
            }
        if (!shown_.all_columns)
            hanging("  ", "All other columns are registers, each by itself: the last writer wins.");
    }

    // ---- Matrix ----

    static char mark_of(const Pair* pair) {
        if (pair == nullptr) return ' ';
        switch (pair->verdict) {
            case Verdict::confluent:
                return '.';
            case Verdict::not_confluent:
                return 'X';
            case Verdict::unknown:
                return '?';
        }
        return ' ';
    }
    Ink ink_of(char mark) const {
        return mark == 'X' ? Ink::bad : mark == '?' ? Ink::doubtful : mark == '.' ? Ink::good : Ink::plain;
    }

    void matrix() {
        const auto& invariants = shown_.invariants;
        if (report_.pairs.empty()) return;
        std::size_t names = 0;
        for (const auto t : shown_.transactions)
            names = std::max(names, width_of(schema_.transactions[t].display()));
        names = std::min(names, width_ / 3);
        const std::size_t cell = std::to_string(invariants.size()).size() + 1;
        const std::size_t per_block = std::max<std::size_t>(1, (width_ - names - 2) / cell);
        title("Transactions by invariants (. safe, X conflict, ? not proved)");
        for (std::size_t first = 0; first < invariants.size(); first += per_block) {
            const std::size_t last = std::min(invariants.size(), first + per_block);
            if (first > 0) line();
            std::string head = "  " + pad("", names);
            for (std::size_t i = first; i < last; ++i) head += right(std::to_string(i + 1), cell);
            line(ink(head, Ink::faint));
            for (const auto t : shown_.transactions) matrix_row(t, invariants, first, last, names, cell);
        }
        if (!invariants.empty()) line();
        for (std::size_t i = 0; i < invariants.size(); ++i) {
            const auto& invariant = schema_.invariants[invariants[i]];
            const std::string head = "  " + right(std::to_string(i + 1), cell) + "  " + invariant.name + "  ";
            line(legend(head, invariant));
        }
        if (shown_.invariants_left_out > 0) hanging("  ", left_out_text(shown_.invariants_left_out));
    }
    void matrix_row(std::uint32_t t, const std::vector<std::uint32_t>& invariants, std::size_t first,
                    std::size_t last, std::size_t names, std::size_t cell) {
        std::string row = "  " + pad(one_line(schema_.transactions[t].display(), names), names);
        bool any = false;
        for (std::size_t i = first; i < last; ++i) {
            const char mark = mark_of(find_pair(report_, t, invariants[i]));
            any = any || mark != ' ';
            row += std::string(cell - 1, ' ') + ink(std::string(1, mark), ink_of(mark));
        }
        if (any) line(row);
    }
    std::string legend(const std::string& head, const catalog::Invariant& invariant) const {
        const std::size_t used = width_of(head);
        if (used + 12 > width_) return head;
        return head + ink(one_line(invariant.text, width_ - used), Ink::faint);
    }
    static std::string right(const std::string& text, std::size_t width) {
        return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
    }

    // ---- Routes ----

    void routes() {
        if (report_.plan.transactions.empty()) return;
        std::size_t names = 0;
        for (const auto& planned : report_.plan.transactions)
            if (shown_.lists(planned)) names = std::max(names, width_of(planned.name));
        names = std::min(names, width_ / 3);
        title("Routes");
        for (const auto& planned : report_.plan.transactions) {
            if (!shown_.lists(planned)) continue;
            const bool waits = planned.route == catalog::Route::ordered;
            std::string name = catalog::name_of(planned.route);
            std::replace(name.begin(), name.end(), '_', ' ');
            std::string meaning = route_meaning(planned.route);
            if (waits && !planned.scope.empty())
                meaning += ", one after another for each value of " + join_and(planned.scope);
            const std::size_t indent = 2 + names + 2 + 9 + 2;
            std::string head = "  " + pad(planned.name, names) + "  " +
                               ink(pad(name, 9), waits ? Ink::bad : Ink::good) + "  ";
            for (const auto& part : wrap(meaning, width_ - indent)) {
                line(head + part);
                head.assign(indent, ' ');
            }
            for (const auto& reason : reasons_of(planned))
                hanging("  " + pad("", names) + "  - ", reason, Ink::faint);
        }
        if (shown_.transactions_left_out > 0)
            hanging("  ", std::to_string(shown_.transactions_left_out) + " more conflict with nobody.");
    }

    // ---- The share of a workload ----

    void share() {
        if (!report_.share) return;
        const auto told = tell_share(report_);
        title(told.title);
        for (const auto& row : told.routes) hanging("  " + right(row.number, 7) + "  ", row.text);
        if (told.meetings.empty()) return;
        hanging("  ", told.skew);
        for (const auto& row : told.meetings) hanging("  " + right(row.number, 7) + "  ", row.text);
    }

    // ---- Conflicts ----

    void conflicts() {
        std::size_t number = 0;
        for (const auto& told : conflicts_of(report_, Verdict::not_confluent)) {
            const auto& invariant = schema_.invariants[told.pair->invariant];
            title("Conflict " + std::to_string(++number) + ": " + who(report_, told) + " against " +
                  invariant.name);
            about(told, invariant);
            if (told.conflict->witness) {
                line();
                const auto& witness = *told.conflict->witness;
                for (const auto& part : tell(schema_, witness.history, witness.replayed, width_ - 2))
                    line("  " + part);
            }
            repairs(told);
        }
    }
    void about(const ToldConflict& told, const catalog::Invariant& invariant) {
        hanging("  ",
                one_line(invariant.text, 300) +
                    (invariant.at.line > 0 ? "   (" + place_text(invariant.at) + ")" : ""),
                Ink::faint);
        const std::string scope = when(report_, told);
        if (!told.conflict->why.empty()) hanging("  ", told.conflict->why);
        if (!scope.empty()) hanging("  ", scope);
    }
    void repairs(const ToldConflict& told) {
        const auto repairs = repairs_of(report_, told);
        if (repairs.empty()) return;
        line();
        line("  What would help, each checked:");
        for (const auto& repair : repairs) hanging("    " + repair.kind + ": ", repair.text);
    }

    void doubts() {
        const auto doubted = conflicts_of(report_, Verdict::unknown);
        if (doubted.empty()) return;
        title("Not proved safe, so ordered; no history that breaks them was found either");
        for (const auto& told : doubted) {
            const auto& invariant = schema_.invariants[told.pair->invariant];
            const std::string why = told.conflict->why.empty() ? told.pair->reason : told.conflict->why;
            hanging("  - ",
                    who(report_, told) + " against " + invariant.name + (why.empty() ? "" : ": " + why));
        }
    }

    void vacuous() {
        if (report_.vacuous.empty()) return;
        title("Never true or never run");
        for (const auto& each : report_.vacuous) hanging("  - ", each.subject + ": " + each.text);
    }

    void warnings() {
        if (report_.warnings.empty()) return;
        title("Warnings");
        for (const auto& warning : report_.warnings) {
            const std::string place = place_text(warning.at);
            hanging("  - ", (place.empty() ? "" : place + ": ") + warning.message, Ink::doubtful);
        }
    }

    void footer() {
        if (!report_.plan.assumptions.empty()) {
            title("What the proofs rely on");
            for (const auto& assumption : report_.plan.assumptions) hanging("  - ", assumption);
        }
        if (report_.millis <= 0) return;
        line();
        line(std::to_string(report_.pairs.size()) + " pairs in " +
             std::to_string(static_cast<std::int64_t>(report_.millis + 0.5)) + " ms");
    }

    const Report& report_;
    const catalog::Schema& schema_;
    const Shown shown_;
    std::size_t width_;
    bool colour_;
    std::string out_;
};

}  // namespace

std::string to_text(const Report& report, std::size_t width, bool colour) {
    return Printer(report, width, colour).run();
}

}  // namespace anabranch::confluence
