#include "node/sim/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace anabranch::sim {

namespace {

constexpr std::array planted_names{"nothing",
                                   "all_free",
                                   "gossip_before_durable",
                                   "forget_disk",
                                   "early_checkpoint",
                                   "early_truncation",
                                   "keep_promises",
                                   "ignore_causality",
                                   "quorum_of_one",
                                   "arrival_order",
                                   "ignore_checksums",
                                   "answer_early",
                                   "forget_losses",
                                   "forget_early",
                                   "ack_before_durable",
                                   "forget_vote",
                                   "ignore_dependencies",
                                   "skip_log_check",
                                   "execute_before_applied",
                                   "one_majority_when_joint",
                                   "count_learners"};

// What a kind of event is called, and which of its fields follow: n node, o other node, c client, a amount,
// t text.
struct Shape {
    const char* name;
    const char* fields;
};
constexpr std::array<Shape, 16> shapes{{{"call", "nct"},
                                        {"cut", "no"},
                                        {"mend", ""},
                                        {"down", "no"},
                                        {"up", "no"},
                                        {"crash", "n"},
                                        {"boot", "n"},
                                        {"lose", "n"},
                                        {"clock", "na"},
                                        {"full", "n"},
                                        {"room", "n"},
                                        {"slow", "na"},
                                        {"corrupt", "no"},
                                        {"join", "no"},
                                        {"rot", "n"},
                                        {"change", "nt"}}};

std::string print_millis(Duration value) {
    const std::int64_t size = value.micros < 0 ? -value.micros : value.micros;
    std::string out = (value.micros < 0 ? "-" : "") + std::to_string(size / 1000);
    if (size % 1000 == 0) return out;
    char part[8];
    std::snprintf(part, sizeof part, ".%03d", static_cast<int>(size % 1000));
    return out + part;
}

// The words of one line, taken from the front.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {}
    std::string_view next() {
        skip();
        const auto end = std::min(rest_.find(' '), rest_.size());
        const auto word = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return word;
    }
    std::string_view rest() {
        skip();
        return rest_;
    }
    template <typename Number>
    bool number(Number& out) {
        const auto word = next();
        const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), out);
        return problem == std::errc() && end == word.data() + word.size();
    }
    bool millis(Duration& out) {
        double value = 0;
        if (!number(value) || !(value >= -1e12 && value <= 1e12)) return false;
        out.micros = static_cast<std::int64_t>(value * 1000 + (value < 0 ? -0.5 : 0.5));
        return true;
    }
    bool ratio(double& out) { return number(out) && out >= 0 && out <= 1; }
    bool node(std::uint32_t& out) {
        const auto word = next();
        for (std::uint32_t i = 0; i < 50; ++i)
            if (word == node_name(i)) return out = i, true;
        return false;
    }

  private:
    void skip() {
        while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

bool parse_event(Words& words, Event& event) {
    if (!words.millis(event.at)) return false;
    const auto kind = words.next();
    const auto shape =
        std::find_if(shapes.begin(), shapes.end(), [&](const Shape& s) { return kind == s.name; });
    if (shape == shapes.end()) return false;
    event.kind = static_cast<Event::Kind>(shape - shapes.begin());
    for (const char* field = shape->fields; *field != 0; ++field) {
        if (*field == 'n' && !words.node(event.node)) return false;
        if (*field == 'o' && !words.node(event.other)) return false;
        if (*field == 'c' && !words.number(event.other)) return false;
        if (*field == 'a' && !words.millis(event.amount)) return false;
        if (*field == 't') return event.text = words.rest(), true;
    }
    return words.rest().empty();
}

bool parse_line(std::string_view line, Script& out) {
    Words words(line);
    const auto key = words.next();
    Conditions& c = out.conditions;
    if (key == "at") return parse_event(words, out.events.emplace_back());
    if (key == "schema") return out.schema.emplace_back(words.rest()), true;
    if (key == "seed") return words.number(out.seed);
    if (key == "replicas") return words.number(out.replicas) && out.replicas >= 1 && out.replicas <= 50;
    if (key == "spares") return words.number(out.spares) && out.spares <= 20;
    if (key == "clients") return words.number(out.clients) && out.clients >= 1 && out.clients <= 10'000;
    if (key == "load") return words.millis(out.load);
    if (key == "catch-up") return words.millis(out.catch_up_max);
    if (key == "settle") return words.millis(out.settle_max);
    if (key == "delay") return words.millis(c.delay_max) && c.delay_max >= micros(100);
    if (key == "sync") return words.millis(c.sync_max) && c.sync_max >= micros(80);
    if (key == "loss") return words.ratio(c.loss);
    if (key == "duplication") return words.ratio(c.duplication);
    if (key == "reordering") return c.reordering = true, words.rest().empty();
    if (key == "quorum") return c.quorum = true, words.rest().empty();
    if (key == "memory") return c.memory = true, words.rest().empty();
    if (key == "tentative") return c.tentative = true, words.rest().empty();
    if (key == "keep-deleted") return c.forget = false, words.rest().empty();
    if (key == "kept-bytes") return words.number(c.kept_bytes);
    if (key == "checkpoint-bytes") return words.number(c.checkpoint_bytes);
    if (key == "slice-bytes") return words.number(c.slice_bytes) && c.slice_bytes > 0;
    if (key == "batch-bytes") return words.number(c.batch_bytes) && c.batch_bytes > 0;
    if (key == "checkpoint-entries") return words.number(c.checkpoint_entries);
    if (key == "large-bytes") return words.number(c.large_bytes);
    if (key == "slice-pause") return words.millis(c.slice_pause);
    if (key == "patience") return words.millis(c.patience_max);
    if (key == "pace") return words.millis(c.pace);
    if (key == "planted") {
        const auto planted = parse_planted(words.rest());
        if (planted) out.planted = *planted;
        return planted.has_value();
    }
    return false;
}

std::string print(const Event& event) {
    const Shape& shape = shapes[static_cast<std::size_t>(event.kind)];
    std::string out = "at " + print_millis(event.at) + " " + shape.name;
    for (const char* field = shape.fields; *field != 0; ++field) {
        if (*field == 'n') out += " " + node_name(event.node);
        if (*field == 'o') out += " " + node_name(event.other);
        if (*field == 'c') out += " " + std::to_string(event.other);
        if (*field == 'a') out += " " + print_millis(event.amount);
        if (*field == 't' && !event.text.empty()) out += " " + event.text;
    }
    return out + "\n";
}

std::string print_ratio(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

}  // namespace

std::string name_of(Planted planted) {
    return planted_names[static_cast<std::size_t>(planted)];
}

Result<Planted> parse_planted(std::string_view name) {
    const auto found = std::find(planted_names.begin(), planted_names.end(), name);
    if (found != planted_names.end()) return static_cast<Planted>(found - planted_names.begin());
    std::string all;
    for (const auto* known : planted_names) all += (all.empty() ? "" : ", ") + std::string(known);
    return fail(Error::make("22023", "no rule is called " + std::string(name) + " that could be switched off")
                    .with_hint("There are " + all + "."));
}

std::string node_name(std::uint32_t index) {
    return index < 26 ? std::string(1, static_cast<char>('a' + index)) : "n" + std::to_string(index);
}

std::string print(const Script& script) {
    std::string out;
    const auto line = [&](const char* key, const std::string& value) {
        out += std::string(key) + " " + value + "\n";
    };
    const Conditions& c = script.conditions;
    for (const auto& file : script.schema) line("schema", file);
    line("seed", std::to_string(script.seed));
    line("replicas", std::to_string(script.replicas));
    line("clients", std::to_string(script.clients));
    if (script.spares > 0) line("spares", std::to_string(script.spares));
    line("load", print_millis(script.load));
    if (script.catch_up_max.micros > 0) line("catch-up", print_millis(script.catch_up_max));
    line("settle", print_millis(script.settle_max));
    line("delay", print_millis(c.delay_max));
    line("sync", print_millis(c.sync_max));
    line("loss", print_ratio(c.loss));
    line("duplication", print_ratio(c.duplication));
    if (c.reordering) out += "reordering\n";
    line("kept-bytes", std::to_string(c.kept_bytes));
    line("checkpoint-bytes", std::to_string(c.checkpoint_bytes));
    line("slice-bytes", std::to_string(c.slice_bytes));
    line("batch-bytes", std::to_string(c.batch_bytes));
    line("checkpoint-entries", std::to_string(c.checkpoint_entries));
    line("large-bytes", std::to_string(c.large_bytes));
    line("slice-pause", print_millis(c.slice_pause));
    line("patience", print_millis(c.patience_max));
    if (c.quorum) out += "quorum\n";
    if (c.memory) out += "memory\n";
    if (c.tentative) out += "tentative\n";
    if (!c.forget) out += "keep-deleted\n";
    line("pace", print_millis(c.pace));
    if (script.planted != Planted::nothing) line("planted", name_of(script.planted));
    for (const auto& event : script.events) out += print(event);
    return out;
}

Result<Script> parse_script(const std::string& text) {
    Script out;
    std::size_t begin = 0, number = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string_view line = std::string_view(text).substr(begin, end - begin);
        begin = end + 1;
        ++number;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty() || line[0] == '#') continue;
        if (!parse_line(line, out))
            return fail(Error::make("22023", "line " + std::to_string(number) + " of the script: \"" +
                                                 std::string(line) + "\" says nothing to the simulator")
                            .with_hint("Scripts are made by anabranch simulate when a seed fails."));
    }
    const std::uint32_t nodes = out.replicas + out.spares;
    for (const auto& event : out.events)
        if (event.node >= nodes || (event.kind != Event::Kind::call && event.other >= nodes) ||
            (event.kind == Event::Kind::call && event.other >= out.clients))
            return fail(Error::make("22023", "the script has an event at a node or client that it has not"));
    std::stable_sort(out.events.begin(), out.events.end(),
                     [](const Event& a, const Event& b) { return a.at < b.at; });
    return out;
}

}  // namespace anabranch::sim
