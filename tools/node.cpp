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

constexpr std::pair<const char*, std::string NodeArguments::*> texts[] = {
    {"name", &NodeArguments::name},
    {"data", &NodeArguments::data},
    {"sql", &NodeArguments::sql},
    {"socket", &NodeArguments::socket},
    {"gossip", &NodeArguments::gossip},
    {"http", &NodeArguments::http},
    {"advertise", &NodeArguments::advertise},
    {"users", &NodeArguments::users},
    {"tls-certificate", &NodeArguments::tls_certificate},
    {"tls-key", &NodeArguments::tls_key},
    {"cluster-certificate", &NodeArguments::cluster_certificate},
    {"cluster-key", &NodeArguments::cluster_key},
    {"cluster-ca", &NodeArguments::cluster_authority},
    {"log-format", &NodeArguments::log_format},
    {"log-level", &NodeArguments::log_level}};
constexpr std::pair<const char*, bool NodeArguments::*> flags[] = {
    {"tls-required", &NodeArguments::tls_required},
    {"trust", &NodeArguments::trust},
    {"join", &NodeArguments::join},
    {"keep-deleted", &NodeArguments::keep_deleted},
    {"quiet", &NodeArguments::quiet}};
constexpr std::pair<const char*, std::size_t NodeArguments::*> numbers[] = {
    {"max-clients", &NodeArguments::clients_max},
    {"checkpoint-bytes", &NodeArguments::checkpoint_bytes},
    {"kept-bytes", &NodeArguments::kept_bytes},
    {"memory-bytes", &NodeArguments::memory_bytes}};

// False: there is no such entry. What the command line gave stays.
bool read_entry(NodeArguments& a, const std::string& key, const nlohmann::json& value) {
    const NodeArguments defaults;
    const auto take = [&](const auto& table) {
        for (const auto& [name, member] : table) {
            if (key != name) continue;
            if (a.*member == defaults.*member) value.get_to(a.*member);
            return true;
        }
        return false;
    };
    if (take(texts) || take(flags) || take(numbers)) return true;
    if (key == "schema") {
        if (a.schema.empty())
            a.schema = value.is_array() ? value.get<std::vector<std::string>>()
                                        : std::vector{value.get<std::string>()};
        return true;
    }
    if (key == "set") {
        for (const auto& [setting, given] : value.items())
            a.defaults.push_back(setting + "=" + given.get<std::string>());
        return true;
    }
    if (key != "peers") return false;
    if (!a.peers.empty()) return true;
    for (const auto& [peer, address] : value.items())
        a.peers.push_back(peer + "=" + address.get<std::string>());
    return true;
}

std::string known_entries() {
    std::string out = "schema, peers, set";
    for (const auto& [name, member] : texts) out += std::string(", ") + name;
    for (const auto& [name, member] : flags) out += std::string(", ") + name;
    for (const auto& [name, member] : numbers) out += std::string(", ") + name;
    return out;
}

// Names as on the command line.
Result<void> read_config(NodeArguments& a) {
    std::ifstream in(a.config, std::ios::binary);
    if (!in)
        return fail(usage("cannot read config file " + a.config,
                          "It is a JSON file such as {\"name\": \"a\", \"data\": \"/var/lib/a\", ...}."));
    try {
        const auto json = nlohmann::json::parse(in);
        for (const auto& [key, value] : json.items())
            if (!read_entry(a, key, value))
                return fail(usage("config file " + a.config + " has an unknown entry \"" + key + "\"",
                                  "Known are " + known_entries() + "."));
    } catch (const std::exception& problem) {
        return fail(usage("config file " + a.config + " cannot be read: " + problem.what(),
                          "It must be one JSON object."));
    }
    if (a.log_format != "text" && a.log_format != "json")
        return fail(usage("log-format is text or json", "Correct it in " + a.config + "."));
    if (a.log_level != "info" && a.log_level != "warning" && a.log_level != "alarm")
        return fail(usage("log-level is info, warning or alarm", "Correct it in " + a.config + "."));
    return {};
}

Result<io::NodeConfig> config_of(const NodeArguments& a) {
    io::NodeConfig out;
    out.name = a.name;
    out.data_directory = a.data;
    TRY(out.sql, io::parse_address(a.sql));
    out.socket_directory = a.socket;
    TRY(out.gossip, io::parse_address(a.gossip));
    TRY(out.http, io::parse_address(a.http));
    out.join = a.join;
    if (!a.advertise.empty()) {
        TRY(out.advertised, io::parse_address(a.advertise));
    }
    out.users_file = a.users;
    out.tls_certificate = a.tls_certificate;
    out.tls_key = a.tls_key;
    out.tls_required = a.tls_required;
    out.trust = a.trust;
    out.cluster_certificate = a.cluster_certificate;
    out.cluster_key = a.cluster_key;
    out.cluster_authority = a.cluster_authority;
    out.clients_max = a.clients_max;
    out.checkpoint_bytes = a.checkpoint_bytes;
    out.kept_bytes = a.kept_bytes;
    out.memory_bytes = a.memory_bytes;
    out.forget_deleted = !a.keep_deleted;
    out.quiet = a.quiet;
    out.log_json = a.log_format == "json";
    out.log_least = a.log_level == "alarm"     ? replica::Notice::Level::alarm
                    : a.log_level == "warning" ? replica::Notice::Level::warning
                                               : replica::Notice::Level::info;
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
    if (a.join && out.peers.empty())
        return fail(usage("--join needs a --peer", "Name at least one member of the cluster."));
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
