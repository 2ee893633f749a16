#include "node/io/admin.h"

#include <algorithm>
#include <charconv>

namespace anabranch::io {

namespace {

using Query = std::map<std::string, std::string>;

HttpAnswer text(unsigned status, std::string body) {
    return {status, "text/plain", std::move(body)};
}

std::string value(const Query& query, const std::string& name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

void step(Loop& loop, const replica::Input& input) {
    loop.replica().step(input, loop.now(), loop.outputs());
    loop.turn();
}

HttpAnswer cut(Loop& loop, bool cut, const std::string& name) {
    const std::string& own = loop.config().name;
    const auto peers = loop.replica().peers(loop.now());
    const auto is_it = [&](const replica::Replica::PeerStatus& peer) { return peer.name == name; };
    if (!name.empty() && (name == own || std::none_of(peers.begin(), peers.end(), is_it)))
        return text(404, "node " + own + " has no peer named " + name + "\n");
    step(loop, replica::CutLink{name, cut});
    return text(200, "node " + own + ": " + (cut ? "cut from " : "healed with ") +
                         (name.empty() ? "all peers" : name) + "\n");
}

HttpAnswer change(Loop& loop, const Query& query) {
    // By time, so that the numbers of an earlier run of this node are not met again.
    static std::uint64_t newest = 0;
    newest = std::max<std::uint64_t>(newest + 1, static_cast<std::uint64_t>(loop.now().micros));
    const std::string address = value(query, "address");
    if (!address.empty())
        if (auto parsed = parse_address(address); !parsed) return text(409, parsed.error().message + "\n");
    step(loop, replica::ChangeRequest{{newest, value(query, "action"), value(query, "member"), address}});
    return text(202, std::to_string(newest) + "\n");
}

HttpAnswer outcome(Loop& loop, const std::string& number_text) {
    std::uint64_t number = 0;
    std::from_chars(number_text.data(), number_text.data() + number_text.size(), number);
    const auto done = loop.replica().change_outcome(number);
    if (!done) return text(202, "not yet\n");
    if (*done) return text(200, **done + "\n");
    const Error& error = done->error();
    return text(409, error.message + "\n" + (error.detail.empty() ? "" : "  " + error.detail + "\n") +
                         (error.hint.empty() ? "" : "  " + error.hint + "\n"));
}

}  // namespace

HttpAnswer admin_answer(Loop& loop, const std::string& method, const std::string& path, const Query& query) {
    if (path == "/admin/outcome") return outcome(loop, value(query, "number"));
    if (path != "/admin/cut" && path != "/admin/heal" && path != "/admin/change")
        return text(404, "no such page; try /status or /metrics\n");
    if (method != "POST") return text(405, "use POST\n");
    if (path == "/admin/change") return change(loop, query);
    return cut(loop, path == "/admin/cut", value(query, "peer"));
}

}  // namespace anabranch::io
