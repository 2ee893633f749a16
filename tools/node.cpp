#include "node/io/node.h"
#include "node/session/settings.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

Error usage(std::string message, std::string hint) {
    return Error::make("22023", std::move(message)).with_hint(std::move(hint));
}

// Names as on the command line; what the command line gave stays.
Result<void> read_config(NodeArguments& a) {
    std::ifstream in(a.config, std::ios::binary);
    if (!in)
        return fail(usage("cannot read config file " + a.config,
                          "It is a JSON file such as {\"name\": \"a\", \"data\": \"/var/lib/a\", ...}."));
    const NodeArguments defaults;
    try {
        const auto json = nlohmann::json::parse(in);
        for (const auto& [key, value] : json.items()) {
            const auto text = [&, name = key](std::string& field, const std::string& fallback) {
                if (field == fallback) field = value.get<std::string>();
            };
            if (key == "name")
                text(a.name, "");
            else if (key == "data")
                text(a.data, "");
            else if (key == "sql")
                text(a.sql, defaults.sql);
            else if (key == "gossip")
                text(a.gossip, defaults.gossip);
            else if (key == "http")
                text(a.http, defaults.http);
            else if (key == "users")
                text(a.users, "");
            else if (key == "tls-certificate")
                text(a.tls_certificate, "");
            else if (key == "tls-key")
                text(a.tls_key, "");
            else if (key == "tls-required")
                a.tls_required = value.get<bool>();
            else if (key == "trust")
                a.trust = value.get<bool>();
            else if (key == "max-clients")
                a.clients_max = value.get<std::size_t>();
            else if (key == "checkpoint-bytes")
                a.checkpoint_bytes = value.get<std::size_t>();
            else if (key == "kept-bytes")
                a.kept_bytes = value.get<std::size_t>();
            else if (key == "memory-bytes")
                a.memory_bytes = value.get<std::size_t>();
            else if (key == "quiet")
                a.quiet = value.get<bool>();
            else if (key == "set")
                for (const auto& [setting, given] : value.items())
                    a.defaults.push_back(setting + "=" + given.get<std::string>());
            else if (key == "schema") {
                if (a.schema.empty())
                    a.schema = value.is_array() ? value.get<std::vector<std::string>>()
                                                : std::vector{value.get<std::string>()};
            } else if (key == "peers") {
                if (a.peers.empty())
                    for (const auto& [peer, address] : value.items())
                        a.peers.push_back(peer + "=" + address.get<std::string>());
            } else {
                return fail(usage("config file " + a.config + " has an unknown entry \"" + key + "\"",
                                  "Known are schema, name, data, sql, gossip, http, peers, users, "
                                  "tls-certificate, tls-key, tls-required, trust, max-clients, "
                                  "checkpoint-bytes, kept-bytes, memory-bytes, set and quiet."));
            }
        }
    } catch (const std::exception& problem) {
        return fail(usage("config file " + a.config + " cannot be read: " + problem.what(),
                          "It must be one JSON object."));
    }
    return {};
}

Result<io::NodeConfig> config_of(const NodeArguments& a) {
    io::NodeConfig out;
    out.name = a.name;
    out.data_directory = a.data;
    TRY(out.sql, io::parse_address(a.sql));
    TRY(out.gossip, io::parse_address(a.gossip));
    TRY(out.http, io::parse_address(a.http));
    out.users_file = a.users;
    out.tls_certificate = a.tls_certificate;
    out.tls_key = a.tls_key;
    out.tls_required = a.tls_required;
    out.trust = a.trust;
    out.clients_max = a.clients_max;
    out.checkpoint_bytes = a.checkpoint_bytes;
    out.kept_bytes = a.kept_bytes;
    out.memory_bytes = a.memory_bytes;
    out.quiet = a.quiet;
    session::Settings settings;
    for (const auto& text : a.defaults) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return fail(
                usage("--set " + text + " is not NAME=VALUE", "For example --set statement_timeout=30s."));
        out.defaults.emplace_back(text.substr(0, equals), text.substr(equals + 1));
        TRY_VOID(settings.set_default(out.defaults.back().first, out.defaults.back().second));
    }
    for (const auto& text : a.peers) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return fail(
                usage("--peer " + text + " is not NAME=HOST:PORT", "For example --peer b=127.0.0.1:7434."));
        io::NodePeer peer;
        peer.name = text.substr(0, equals);
        TRY(peer.address, io::parse_address(text.substr(equals + 1)));
        if (peer.name == a.name)
            return fail(usage("--peer " + text + " names this node itself", "List only the other members."));
        for (const auto& other : out.peers)
            if (other.name == peer.name)
                return fail(usage("peer " + peer.name + " is given twice", "Give each peer once."));
        out.peers.push_back(std::move(peer));
    }
    return out;
}

// Even a parent that was killed leaves no node behind.
bool end_with(std::int64_t parent) {
    if (parent == 0) return true;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    return ::getppid() == parent;
}

}  // namespace

int node(const NodeArguments& given) {
    NodeArguments arguments = given;
    if (!end_with(arguments.parent)) return 1;
    if (!arguments.config.empty())
        if (auto read = read_config(arguments); !read) return explain(read.error()), 2;
    for (const auto& [value, flag] : {std::pair{&arguments.name, "--name"}, {&arguments.data, "--data"}})
        if (value->empty())
            return explain(usage(std::string("node needs ") + flag, "Run 'anabranch node --help'.")), 2;
    if (arguments.schema.empty())
        return explain(usage("node needs a schema file", "Run 'anabranch node --help'.")), 2;
    const auto config = config_of(arguments);
    if (!config) return explain(config.error()), 2;
    const auto schema = load_schema(arguments.schema, false);
    if (schema == nullptr) return 1;
    confluence::Options options;
    options.repairs = false;
    auto report = confluence::check(schema, options);
    if (!report) return explain(report.error());
    auto plan = report->plan;
    Analyst analyst(std::move(*report));
    const auto ran = io::run_node(*config, schema, std::move(plan), &analyst);
    return ran ? 0 : explain(ran.error());
}

}  // namespace anabranch::tools
