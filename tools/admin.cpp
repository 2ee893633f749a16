#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/io/http.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

using Json = nlohmann::json;

constexpr auto outcome_within = std::chrono::seconds(15);
constexpr auto hand_over_within = std::chrono::seconds(3);

std::string escaped(const std::string& text) {
    std::string out;
    char buffer[4];
    for (const char c : text) {
        std::snprintf(buffer, sizeof buffer, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
        out += buffer;
    }
    return out;
}

// Asks until there is an answer that counts.
template <typename Answer>
std::optional<Answer> poll(std::chrono::milliseconds within, FunctionRef<std::optional<Answer>()> ask) {
    for (const auto end = std::chrono::steady_clock::now() + within;;) {
        if (auto answer = ask()) return answer;
        if (std::chrono::steady_clock::now() >= end) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

class Remote {
  public:
    explicit Remote(io::Address address) : address_(std::move(address)) {}

    Result<io::HttpAnswer> ask(const std::string& method, const std::string& target) const {
        return io::http_request(address_, method, target);
    }
    Result<Json> status() const {
        TRY(const auto answer, ask("GET", "/status"));
        try {
            return Json::parse(answer.body);
        } catch (const std::exception& problem) {
            return fail("08000", std::string("the status cannot be read: ") + problem.what());
        }
    }
    // Of a change that was asked for; its explanation when it was refused.
    Result<std::string> outcome(const std::string& number) const {
        const auto done =
            poll<Result<std::string>>(outcome_within, [&]() -> std::optional<Result<std::string>> {
                const auto answer = ask("GET", "/admin/outcome?number=" + number);
                if (!answer || answer->status == 202) return {};
                if (answer->status == 200) return Result<std::string>(answer->body);
                return Result<std::string>(fail(sqlstate::object_not_in_prerequisite_state, answer->body));
            });
        return done ? *done : fail("57P03", "no answer in time\n");
    }

  private:
    io::Address address_;
};

int simple(const Remote& remote, const AdminArguments& a) {
    const bool status = a.action == "status";
    const std::string target =
        status ? "/status" : "/admin/" + a.action + (a.peer.empty() ? "" : "?peer=" + escaped(a.peer));
    const auto answer = remote.ask(status ? "GET" : "POST", target);
    if (!answer) return explain(answer.error());
    if (answer->status != 200) {
        std::fprintf(stderr, "anabranch: %s", answer->body.c_str());
        return 1;
    }
    std::fputs(answer->body.c_str(), stdout);
    return 0;
}

int members(const Remote& remote) {
    const auto status = remote.status();
    if (!status) return explain(status.error());
    std::printf("%-16s %-24s %-8s %-9s %s\n", "member", "address", "role", "reachable", "primary");
    for (const auto& member : status->at("members"))
        std::printf(
            "%-16s %-24s %-8s %-9s %s\n", member.at("name").get<std::string>().c_str(),
            member.at("address").get<std::string>().c_str(), member.at("role").get<std::string>().c_str(),
            member.at("reachable").get<bool>() ? "yes" : "no", member.at("primary").get<bool>() ? "yes" : "");
    std::printf("%s\n", status->at("order").at("survives").get<std::string>().c_str());
    return 0;
}

std::optional<Json> member_of(const Json& status, const std::function<bool(const Json&)>& is_it) {
    for (const auto& member : status.at("members"))
        if (is_it(member)) return member;
    return {};
}

int wait_for_voter(const Remote& remote, const AdminArguments& a) {
    const auto voter = poll<bool>(std::chrono::seconds(a.wait_seconds), [&]() -> std::optional<bool> {
        const auto status = remote.status();
        if (!status) return {};
        const auto found = member_of(
            *status, [&](const Json& m) { return m.at("name") == a.member && m.at("role") == "voter"; });
        return found ? std::optional(true) : std::nullopt;
    });
    if (voter) return std::printf("%s has caught up and votes\n", a.member.c_str()), 0;
    std::fprintf(stderr,
                 "anabranch: %s has not caught up yet; it becomes a voter when it has\n"
                 "  Is it running, with --join and a --peer?\n",
                 a.member.c_str());
    return 1;
}

std::optional<std::string> new_primary(const Remote& remote, const AdminArguments& a,
                                       const std::string& before) {
    return poll<std::string>(hand_over_within, [&]() -> std::optional<std::string> {
        const auto status = remote.status();
        if (!status) return {};
        const auto primary = member_of(*status, [](const Json& m) { return m.at("primary").get<bool>(); });
        if (!primary) return {};
        const auto name = primary->at("name").get<std::string>();
        const bool done = a.action == "transfer" ? name == a.member : name != before;
        return done ? std::optional(name) : std::nullopt;
    });
}

// Done, or explained.
bool ask_for(const Remote& remote, const AdminArguments& a, const std::string& action) {
    const auto accepted =
        remote.ask("POST", "/admin/change?action=" + action + "&member=" + escaped(a.member) +
                               "&address=" + escaped(a.address));
    if (!accepted) return explain(accepted.error()), false;
    if (accepted->status != 202) return std::fprintf(stderr, "anabranch: %s", accepted->body.c_str()), false;
    const auto done = remote.outcome(accepted->body.substr(0, accepted->body.find('\n')));
    if (!done) return std::fprintf(stderr, "anabranch: %s", done.error().message.c_str()), false;
    std::fputs(done->c_str(), stdout);
    return true;
}

// A successor that is slow may lose the election that it was asked to win: it is asked again.
int hand_over(const Remote& remote, const AdminArguments& a) {
    std::string before;
    if (const auto status = remote.status())
        if (const auto primary =
                member_of(*status, [](const Json& m) { return m.at("primary").get<bool>(); }))
            before = primary->at("name").get<std::string>();
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (!ask_for(remote, a, a.action)) return 1;
        if (const auto name = new_primary(remote, a, before))
            return std::printf("the primary is %s\n", name->c_str()), 0;
    }
    std::fprintf(stderr, "anabranch: the primacy has not been taken over\n");
    return 1;
}

int change(const Remote& remote, const AdminArguments& a) {
    if (a.action == "transfer" || a.action == "step-down") return hand_over(remote, a);
    const std::string action = a.action == "add" && a.learner ? "learner" : a.action;
    if (!ask_for(remote, a, action)) return 1;
    return action == "add" ? wait_for_voter(remote, a) : 0;
}

}  // namespace

int admin(const AdminArguments& given) {
    AdminArguments arguments = given;
    const auto address = io::parse_address(arguments.node);
    if (!address) return explain(address.error()), 2;
    const Remote remote(*address);
    const auto& action = arguments.action;
    if (action == "cut" || action == "heal" || action == "status") return simple(remote, arguments);
    if (action == "members") return members(remote);
    if (action == "add") {
        const auto equals = arguments.member.find('=');
        if (equals == std::string::npos || equals == 0)
            return explain(Error::make("22023", arguments.member + " is not NAME=HOST:PORT")
                               .with_hint("For example: anabranch admin add d=10.0.0.4:7433.")),
                   2;
        arguments.address = arguments.member.substr(equals + 1);
        arguments.member.resize(equals);
    }
    return change(remote, arguments);
}

}  // namespace anabranch::tools
