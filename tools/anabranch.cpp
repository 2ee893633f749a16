// The command line: what can be said, and which subcommand it means. All work is in the libraries.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "lib/base/version.h"
#include "tools/commands.h"

namespace anabranch::tools {

namespace {

void add_check(CLI::App& app, CheckArguments& a) {
    auto* c = app.add_subcommand(
        "check", "Decide for every transaction and invariant whether replicas may run it apart");
    c->add_option("SCHEMA", a.files, "Schema files, plain PostgreSQL SQL; - is standard input")->required();
    c->add_option("--format", a.format, "text, json or html")
        ->check(CLI::IsMember({"text", "json", "html"}))
        ->capture_default_str();
    c->add_option("--out", a.out, "Write the report to this file");
    c->add_option("--transaction", a.transaction, "Only this transaction");
    c->add_option("--invariant", a.invariant, "Only this invariant");
    c->add_option("--deny", a.deny, "Exit 3 if a transaction is ordered, or a verdict unknown")
        ->delimiter(',')
        ->check(CLI::IsMember({"ordered", "unknown"}));
    c->add_option("--colour", a.colour, "auto, always or never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str();
    c->add_flag("!--no-repairs", a.repairs, "Do not look for repairs");
}

void add_replay(CLI::App& app, ReplayArguments& a) {
    auto* c = app.add_subcommand(
        "replay", "Run scenario files, for example the witnesses that check prints, on real replicas");
    c->add_option("FILE", a.files, "Scenario files")->required();
    c->add_option("--schema", a.schema, "Use this schema file instead of the one the scenario names");
}

void add_node(CLI::App& app, NodeArguments& a) {
    auto* c = app.add_subcommand("node", "Run one replica; clients connect with any PostgreSQL driver");
    c->add_option("SCHEMA", a.schema, "Schema files");
    c->add_option("--config", a.config,
                  "JSON file with the same names as these options; options given here win");
    c->add_option("--name", a.name, "This node's name in the cluster");
    c->add_option("--data", a.data, "Data directory, made if absent");
    c->add_option("--sql", a.sql, "Address for SQL clients")->capture_default_str();
    c->add_option("--gossip", a.gossip, "Address for peers")->capture_default_str();
    c->add_option("--http", a.http, "Address for /status, /metrics and admin commands")
        ->capture_default_str();
    c->add_option("--peer", a.peers, "Another member as NAME=HOST:PORT of its gossip address; once per peer");
    c->add_option("--max-clients", a.clients_max, "Connections accepted at once")->capture_default_str();
    c->add_flag("--quiet", a.quiet, "Print warnings only");
}

void add_others(CLI::App& app, DemoArguments& d, AdminArguments& m, SimulateArguments& s, BenchArguments& b) {
    auto* demo = app.add_subcommand(
        "demo", "Start a throwaway cluster on this machine and say how to connect; Ctrl-C ends it");
    demo->add_option("SCHEMA", d.schema, "Schema files")->required();
    demo->add_option("--replicas", d.replicas, "How many nodes")
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
    demo->add_option("--data", d.data, "Keep the data here");
    auto* admin = app.add_subcommand("admin", "Talk to a running node through its HTTP address");
    admin->require_subcommand(1);
    for (const auto* action : {"cut", "heal", "status"}) {
        auto* c = admin->add_subcommand(action, std::string(action) == "cut"
                                                    ? "Drop this node's links, as a broken network would"
                                                : std::string(action) == "heal" ? "Restore them"
                                                                                : "Print the node's status");
        c->add_option("--node", m.node, "HTTP address of the node")->capture_default_str();
        if (std::string(action) != "status") c->add_option("--peer", m.peer, "Only the link to this peer");
        c->callback([&m, action] { m.action = action; });
    }
    auto* simulate = app.add_subcommand(
        "simulate", "Run a schema on simulated replicas under partitions, loss and crashes");
    simulate->add_option("SCHEMA", s.schema, "Schema files")->required();
    simulate->add_option("--replicas", s.replicas, "How many")
        ->check(CLI::Range(2, 50))
        ->capture_default_str();
    simulate->add_option("--seeds", s.seeds, "One seed or a range, as 1..200")->capture_default_str();
    simulate->add_flag("--verbose", s.verbose, "Print what happens, step by step");
    auto* bench =
        app.add_subcommand("bench", "Measure on this machine, beside PostgreSQL where it is installed");
    bench->add_option("WHAT", b.what, "bank")->required()->check(CLI::IsMember({"bank"}));
    bench->add_option("--seconds", b.seconds, "Per measurement")->capture_default_str();
    bench->add_option("--clients", b.clients, "Connections")->capture_default_str();
    bench->add_flag("!--no-postgres", b.postgres, "Do not run PostgreSQL beside it");
}

int run(int argc, char** argv) {
    CLI::App app{
        "anabranch: a SQL database that any replica can write to, and a checker that proves which "
        "transactions may"};
    app.name("anabranch");
    app.set_version_flag("--version", std::string("anabranch ") + version);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App* where, const CLI::Error& error) {
        return std::string("anabranch: ") + error.what() + "\nRun '" + where->get_display_name() +
               " --help' for what is understood.\n";
    });
    CheckArguments check_arguments;
    ReplayArguments replay_arguments;
    NodeArguments node_arguments;
    DemoArguments demo_arguments;
    AdminArguments admin_arguments;
    SimulateArguments simulate_arguments;
    BenchArguments bench_arguments;
    add_check(app, check_arguments);
    add_replay(app, replay_arguments);
    add_node(app, node_arguments);
    add_others(app, demo_arguments, admin_arguments, simulate_arguments, bench_arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    char path[4096];
    const auto size = ::readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string program(path, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (app.got_subcommand("check")) return check(check_arguments);
    if (app.got_subcommand("replay")) return replay(replay_arguments);
    if (app.got_subcommand("node")) return node(node_arguments);
    if (app.got_subcommand("demo")) return demo(demo_arguments, program);
    if (app.got_subcommand("admin")) return admin(admin_arguments);
    if (app.got_subcommand("simulate")) return simulate(simulate_arguments);
    return bench(bench_arguments, program);
}

}  // namespace

}  // namespace anabranch::tools

int main(int argc, char** argv) {
    return anabranch::tools::run(argc, argv);
}
