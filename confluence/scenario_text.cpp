#include <algorithm>
#include <utility>

#include "confluence/history.h"
#include "confluence/wording.h"
#include "lib/scenario/script.h"

namespace anabranch::confluence {

namespace {

using scenario::Command;

constexpr std::uint32_t replicas_max = 8;

// ---- Writing ----

bool is_plain_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
}

Command command_of(const CallStep& call) {
    std::vector<std::string> arguments{replica_name(call.replica)};
    std::string clock;
    if (call.clock_millis != 0)
        clock =
            std::string("clock=") + (call.clock_millis > 0 ? "+" : "") + std::to_string(call.clock_millis);
    if (call.transaction.empty()) return Command::make("sql", arguments, call.statement + "\n", clock);
    std::string text = is_plain_name(call.transaction) ? call.transaction : '"' + call.transaction + '"';
    text += "(" + list_of(call.arguments) + ")";
    std::string as;
    for (const auto& name : call.names) as += (as.empty() ? "as " : " ") + name;
    Command one_line = Command::make("call", arguments, as.empty() ? text : text + " " + as, clock);
    if (one_line.body.empty()) return one_line;
    for (std::size_t i = 0; i < call.names.size(); ++i) {
        if (i == 0) arguments.push_back("as");
        arguments.push_back(call.names[i]);
    }
    return Command::make("call", arguments, text, clock);
}

Command command_of(const Step& step) {
    if (const auto* call = std::get_if<CallStep>(&step)) return command_of(*call);
    if (const auto* one = std::get_if<DeliverStep>(&step))
        return Command::make("deliver", {replica_name(one->source), "->", replica_name(one->target)});
    return Command::make("deliver", {"all"});
}

// Calls that stand between the last two deliveries to all: those that run apart.
std::vector<const CallStep*> calls_apart(const History& history) {
    std::vector<const CallStep*> out, pending;
    for (const auto& step : history.steps) {
        if (const auto* call = std::get_if<CallStep>(&step)) {
            pending.push_back(call);
        } else if (!pending.empty()) {
            out = std::exchange(pending, {});
        }
    }
    return pending.empty() ? out : pending;
}

std::vector<std::string> headline(const catalog::Schema& schema, const History& history,
                                  std::uint32_t replica, const std::string& invariant) {
    std::string calls;
    const auto apart = calls_apart(history);
    for (std::size_t i = 0; i < apart.size(); ++i) {
        if (i > 0) calls += i + 1 == apart.size() ? " and " : ", ";
        calls += (apart[i]->transaction.empty() ? "a statement" : apart[i]->transaction) + " at " +
                 replica_name(apart[i]->replica);
    }
    std::string shows = invariant.empty() ? "everybody holds everything"
                        : is_lost_update(invariant)
                            ? "one of the writes is gone, unseen: " + invariant
                            : "replica " + replica_name(replica) + " violates " + invariant;
    std::vector<std::string> out;
    out.push_back("Apart, " + (calls.empty() ? "nothing happens" : calls + " succeed") + ". Together, " +
                  shows + ".");
    for (const auto& candidate : schema.invariants)
        if (candidate.name == invariant && !candidate.text.empty())
            out.push_back(invariant + ": " + one_line(candidate.text, 90));
    return out;
}

// ---- Reading ----

struct Reader {
    ParsedScenario out;
    bool replicas_named = false;

    Result<std::uint32_t> replica(const Command& command, std::size_t index) const {
        TRY(const std::string name, command.argument(index, "a replica: a, b, ..."));
        if (name.size() == 1 && name[0] >= 'a' &&
            static_cast<std::uint32_t>(name[0] - 'a') < out.history.replicas)
            return static_cast<std::uint32_t>(name[0] - 'a');
        return fail(command.error_at(index, "there is no replica '" + name + "' here")
                        .with_hint("the replicas are " + replica_names(out.history.replicas)));
    }

    Result<void> read(const Command& command) {
        if (command.name == "schema") {
            TRY_VOID(command.takes(1));
            TRY(out.schema_file, command.argument(0, "the name of a schema file"));
            return {};
        }
        if (command.name == "replicas") return read_replicas(command);
        if (command.name == "call") return read_call(command);
        if (command.name == "sql") return read_statement(command);
        if (command.name == "deliver") return read_delivery(command);
        if (command.name == "expect") return read_expectation(command);
        return fail(command.error("'" + command.name + "' is not a command of these scenarios")
                        .with_hint("there are: schema, replicas, call, sql, deliver, expect"));
    }

    Result<void> read_replicas(const Command& command) {
        TRY_VOID(command.takes(replicas_max));
        const auto names = command.arguments_from(0);
        if (names.empty()) return fail(command.error("replicas needs their names").with_hint("replicas a b"));
        if (!out.history.steps.empty())
            return fail(command.error("the replicas are named before anything happens"));
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] != replica_name(static_cast<std::uint32_t>(i)))
                return fail(command.error_at(
                    i, "replicas are called a, b, c ... in this order, not '" + names[i] + "'"));
        out.history.replicas = static_cast<std::uint32_t>(names.size());
        return {};
    }

    static Result<std::int64_t> clock(const Command& command) {
        const auto text = command.named("clock");
        if (!text) return 0;
        const std::string_view digits = std::string_view(*text).substr(text->starts_with('+') ? 1 : 0);
        const auto number = read_integer(digits);
        if (!number || *number > 1'000'000'000 || *number < -1'000'000'000)
            return fail(
                command.error("clock is a number of milliseconds, such as clock=+10, not '" + *text + "'"));
        return *number;
    }

    // call a deposit(1, 80) as $k $l clock=+10
    Result<void> read_call(const Command& command) {
        TRY_VOID(command.takes(replicas_max * 8, {"clock"}));
        CallStep call;
        TRY(call.replica, replica(command, 0));
        TRY(call.clock_millis, clock(command));
        std::size_t next = 1;
        std::string text = command.body;
        if (text.empty()) {
            TRY(text, command.argument(1, "a call: deposit(1, 80)"));
            next = 2;
        }
        TRY_VOID(read_transaction(command, text, call));
        const auto rest = command.arguments_from(next);
        for (std::size_t i = 0; i < rest.size(); ++i) {
            if (i == 0 && rest[i] == "as" && rest.size() > 1) continue;
            if (i == 0 || !rest[i].starts_with('$') || rest[i].size() == 1)
                return fail(command.error_at(next + i, "'" + rest[i] + "' is not understood after a call")
                                .with_hint("keys that the call generates get names with: as $k $l"));
            call.names.push_back(rest[i]);
        }
        out.history.steps.emplace_back(std::move(call));
        return {};
    }

    static Result<void> read_transaction(const Command& command, const std::string& text, CallStep& call) {
        const auto wrong = [&] {
            return fail(command.error_at(1, "'" + one_line(text, 40) + "' is not a call")
                            .with_hint("write the transaction and its arguments: deposit(1, 80)"));
        };
        std::size_t open = 0;
        if (text.starts_with('"')) {
            const auto close = text.find('"', 1);
            if (close == std::string::npos) return wrong();
            call.transaction = text.substr(1, close - 1);
            open = close + 1;
        } else {
            open = text.find('(');
            call.transaction = text.substr(0, open);
        }
        if (call.transaction.empty() || open >= text.size() || text[open] != '(' || text.back() != ')')
            return wrong();
        auto arguments = split_list(std::string_view(text).substr(open + 1, text.size() - open - 2));
        if (!arguments) return wrong();
        for (auto& argument : *arguments) call.arguments.push_back({std::move(argument)});
        return {};
    }

    Result<void> read_statement(const Command& command) {
        TRY_VOID(command.takes(1'000'000, {"clock"}));
        CallStep call;
        TRY(call.replica, replica(command, 0));
        TRY(call.clock_millis, clock(command));
        TRY(call.statement, command.text_from(1, "a statement"));
        out.history.steps.emplace_back(std::move(call));
        return {};
    }

    Result<void> read_delivery(const Command& command) {
        const auto words = command.arguments_from(0);
        if (words.size() == 1 && words[0] == "all") {
            out.history.steps.emplace_back(DeliverAllStep{});
            return {};
        }
        if (words.size() != 3 || words[1] != "->")
            return fail(command.error("deliver needs a source and a target")
                            .with_hint("write: deliver a -> b, or: deliver all"));
        TRY(const auto source, replica(command, 0));
        TRY(const auto target, replica(command, 2));
        out.history.steps.emplace_back(DeliverStep{source, target});
        return {};
    }

    Result<void> read_expectation(const Command& command) {
        const auto words = command.arguments_from(0);
        if (words.size() >= 2 && words[0] == "lost") {
            TRY(auto name, command.text_from(1, "lost_update(table.column)"));
            out.expected.push_back(std::move(name));
            return {};
        }
        if (words.size() >= 3 && words[1] == "violated") {
            TRY_VOID(replica(command, 0));
            TRY(auto name, command.text_from(2, "the name of an invariant"));
            out.expected.push_back(std::move(name));
            return {};
        }
        return fail(command.error("what is expected here is not understood")
                        .with_hint("write: expect a violated accounts_balance_check, or: expect lost "
                                   "lost_update(orders.status)"));
    }
};

}  // namespace

std::string to_scenario(const catalog::Schema& schema, const History& history, std::uint32_t replica,
                        const std::string& invariant) {
    scenario::Script script;
    scenario::Block block;
    const auto end_block = [&] {
        if (!block.commands.empty()) script.blocks.push_back(std::exchange(block, {}));
    };
    if (!schema.file.empty()) block.commands.push_back(Command::make("schema", {schema.file}));
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < history.replicas; ++i) names.push_back(replica_name(i));
    block.commands.push_back(Command::make("replicas", names));
    block.commands.front().comments = headline(schema, history, replica, invariant);
    end_block();
    for (std::size_t i = 0; i < history.steps.size(); ++i) {
        block.commands.push_back(command_of(history.steps[i]));
        const bool delivery = !std::holds_alternative<CallStep>(history.steps[i]);
        const bool call_next =
            i + 1 < history.steps.size() && std::holds_alternative<CallStep>(history.steps[i + 1]);
        if (delivery && call_next) end_block();
    }
    end_block();
    if (is_lost_update(invariant))
        block.commands.push_back(Command::make("expect", {"lost"}, invariant));
    else if (!invariant.empty())
        block.commands.push_back(Command::make("expect", {replica_name(replica), "violated"}, invariant));
    end_block();
    return scenario::print(script);
}

Result<ParsedScenario> from_scenario(const std::string& name, const std::string& text) {
    TRY(const auto script, scenario::parse(text, name));
    Reader reader;
    for (const auto& block : script.blocks)
        for (const auto& command : block.commands) {
            auto done = reader.read(command);
            if (done) continue;
            Error error = std::move(done).error();
            error.place.file = name;
            return fail(std::move(error));
        }
    return std::move(reader.out);
}

}  // namespace anabranch::confluence
