// The command line: what can be said, and which subcommand it means. All work is in the libraries.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "lib/base/version.h"
#include "lib/sql/bind.h"
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
    auto* transaction = c->add_option("--transaction", a.transaction, "Only this transaction");
    auto* invariant = c->add_option("--invariant", a.invariant, "Only this invariant");
    c->add_option("--deny", a.deny, "Exit 3 if a transaction is ordered, or a verdict unknown")
        ->delimiter(',')
        ->check(CLI::IsMember({"ordered", "unknown"}));
    c->add_option("--colour", a.colour, "auto, always or never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str();
    c->add_flag("!--no-repairs", a.repairs, "Do not look for repairs");
    auto* mix = c->add_option("--mix", a.mix,
                              "A workload, as withdraw=20,deposit=80: tell what share of its calls waits")
                    ->excludes(transaction)
                    ->excludes(invariant);
    auto* skew = c->add_option("--skew", a.skew,
                               "With --mix: how often its calls meet when keys are drawn by Zipf with this "
                               "exponent (0 evenly, 0.99 as in YCSB)")
                     ->check(CLI::Range(0.0, 10.0))
                     ->needs(mix);
    c->add_option("--keys", a.keys, "With --skew: drawn from so many keys")
        ->check(CLI::Range(1, 1000000))
        ->needs(skew)
        ->capture_default_str();
}

void add_table(CLI::App& app, TableArguments& a) {
    auto* c = app.add_subcommand(
        "table",
        "The table of invariants by operations (Bailis et al. 2015), each cell decided by the checker");
    c->add_option("--show", a.show, "Print the schema of this row and its whole report");
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
    c->add_option("--socket", a.socket,
                  "Directory of a Unix-domain socket for SQL clients of this machine: psql -h DIRECTORY");
    c->add_option("--gossip", a.gossip, "Address for peers")->capture_default_str();
    c->add_option("--http", a.http, "Address for /status, /metrics and admin commands")
        ->capture_default_str();
    c->add_option("--peer", a.peers, "Another member as NAME=HOST:PORT of its gossip address; once per peer");
    c->add_flag(
        "--join", a.join,
        "Join a cluster that is there already: --peer names some of its members, and one of them is told "
        "by anabranch admin add");
    c->add_option("--advertise", a.advertise,
                  "Where peers find this node, if it is not the --gossip address");
    c->add_option("--users", a.users,
                  "File of name:password or name:SCRAM-SHA-256$... lines: SQL clients must prove a password");
    c->add_option("--tls-certificate", a.tls_certificate,
                  "PEM file with the certificate chain for SQL clients");
    c->add_option("--tls-key", a.tls_key, "PEM file with its private key");
    c->add_flag("--tls-required", a.tls_required, "Refuse SQL clients without TLS");
    c->add_flag("--trust", a.trust, "Without --users: also let in SQL clients from other machines");
    c->add_option("--cluster-certificate", a.cluster_certificate,
                  "PEM file: peers must prove who they are, and this node's certificate, with its name");
    c->add_option("--cluster-key", a.cluster_key, "PEM file with its private key");
    c->add_option("--cluster-ca", a.cluster_authority, "PEM file of the authority that signed all nodes'");
    c->add_option("--max-clients", a.clients_max, "Connections accepted at once")->capture_default_str();
    c->add_option("--set", a.defaults, "What sessions begin with, NAME=VALUE, such as statement_timeout=30s");
    c->add_option("--checkpoint-bytes", a.checkpoint_bytes,
                  "Bytes of log between checkpoints, at least; twice the data if that is more")
        ->check(CLI::Range(std::size_t{4096}, std::size_t{1} << 40))
        ->capture_default_str();
    c->add_option("--kept-bytes", a.kept_bytes,
                  "Deltas kept for members that are away; one that lacks more gets a snapshot")
        ->capture_default_str();
    c->add_flag("--keep-deleted", a.keep_deleted,
                "As the primary, keep what is left of deleted rows even when every member knows of them");
    c->add_option(
         "--memory-bytes", a.memory_bytes,
         "Memory for rows and indexes; writes are refused beyond. 0: three quarters of this machine's")
        ->capture_default_str();
    c->add_option("--log-format", a.log_format,
                  "What is told on standard error: text, or json, one object a line")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    c->add_option("--log-level", a.log_level, "The least that is told: info, warning or alarm")
        ->check(CLI::IsMember({"info", "warning", "alarm"}))
        ->capture_default_str();
    c->add_flag("--quiet", a.quiet, "Print warnings only");
    c->add_option("--end-with", a.parent)->group("");  // for tools/cluster.cpp
}

void add_admin(CLI::App& app, AdminArguments& m) {
    auto* admin = app.add_subcommand("admin", "Talk to a running node through its HTTP address");
    admin->require_subcommand(1);
    const auto add = [&](const char* action, const char* what) {
        auto* c = admin->add_subcommand(action, what);
        c->add_option("--node", m.node, "HTTP address of the node")->capture_default_str();
        c->callback([&m, action] { m.action = action; });
        return c;
    };
    add("status", "Print the node's status");
    for (auto* c :
         {add("cut", "Drop this node's links, as a broken network would"), add("heal", "Restore them")})
        c->add_option("--peer", m.peer, "Only the link to this peer");
    add("members", "Print who belongs to the cluster, and what it can lose");
    auto* join = add(
        "add", "Let a node into the cluster that was started with --join; it votes when it has caught up");
    join->add_option("MEMBER", m.member, "NAME=HOST:PORT of its gossip address")->required();
    join->add_flag("--learner", m.learner, "It gets everything and never votes");
    join->add_option("--wait", m.wait_seconds, "Seconds for it to catch up")->capture_default_str();
    add("remove", "Remove a member, alive or not; the primary hands over first")
        ->add_option("MEMBER", m.member, "Its name")
        ->required();
    add("give-up",
        "Take nothing more from a member that was removed and does not come back: deleted rows are kept for "
        "it until then")
        ->add_option("MEMBER", m.member, "Its name")
        ->required();
    add("transfer", "Hand the primacy over to a voter")
        ->add_option("MEMBER", m.member, "Its name")
        ->required();
    add("step-down", "Hand the primacy over to whoever holds most");
}

void add_others(CLI::App& app, DemoArguments& d, AdminArguments& m, SimulateArguments& s, BenchArguments& b) {
    auto* demo = app.add_subcommand(
        "demo", "Start a throwaway cluster on this machine and say how to connect; Ctrl-C ends it");
    demo->add_option("SCHEMA", d.schema, "Schema files")->required();
    demo->add_option("--replicas", d.replicas, "How many nodes")
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
    demo->add_option("--data", d.data, "Keep the data here");
    add_admin(app, m);
    auto* simulate = app.add_subcommand(
        "simulate", "Run a schema on simulated replicas under partitions, loss and crashes");
    simulate->add_option("SCHEMA", s.schema, "Schema files (with --replay: those the script names)");
    simulate->add_option("--replicas", s.replicas, "How many")
        ->check(CLI::Range(2, 50))
        ->capture_default_str();
    simulate->add_option("--seeds", s.seeds, "One seed or a range, as 1..200")->capture_default_str();
    simulate
        ->add_option("--faults", s.faults,
                     "Only these, of delay,loss,duplication,reordering,partitions,crashes,clocks,directories,"
                     "disks,corruption,power,rot,members; none: no faults; without this: all")
        ->delimiter(',');
    simulate->add_option("--load", s.load_seconds, "Simulated seconds of load and faults per seed")
        ->check(CLI::Range(0.1, 86400.0))
        ->capture_default_str();
    simulate->add_option("--minutes", s.minutes, "Stop after so many minutes, however many seeds are left")
        ->check(CLI::PositiveNumber);
    simulate->add_option("--replay", s.replay, "Run a script that a failed seed has left");
    simulate->add_option("--out", s.out, "Where a failed seed leaves its script")->capture_default_str();
    simulate->add_option(
        "--planted", s.planted,
        "Switch a safety rule off, to see that this is noticed (all_free, forget_disk, ...)");
    simulate->add_flag("--verbose", s.verbose, "Print what happens, step by step");
    auto* bench = app.add_subcommand(
        "bench", "Measure on this machine, beside PostgreSQL and etcd where they are installed");
    bench
        ->add_option(
            "WHAT", b.what,
            "bank: calls per second; check: times of the checker beside their bars; gossip: what "
            "replication costs; order: ordered calls, beside etcd and PostgreSQL with a standby; scale: with "
            "how many replicas; sql: statements, beside the bars of speed; schema: print the generated "
            "schema that `check` uses")
        ->required()
        ->check(CLI::IsMember({"bank", "check", "gossip", "order", "scale", "schema", "sql"}));
    bench->add_flag("--quick", b.quick,
                    "check, gossip, order, scale, sql: with little work, to see that it works");
    bench->add_option("--seconds", b.seconds, "Per measurement")->capture_default_str();
    bench->add_option("--clients", b.clients, "Connections")->capture_default_str();
    bench->add_flag("!--no-postgres", b.postgres, "Do not run PostgreSQL beside it");
    bench->add_option("--tables", b.tables, "Of the generated schema")->capture_default_str();
}

void add_storage(CLI::App& app, BackupArguments& b, RestoreArguments& r, VerifyArguments& v) {
    auto* backup = app.add_subcommand("backup", "Copy a node's data directory, also while the node runs");
    backup->add_option("DIR", b.data, "The data directory")->required();
    backup->add_option("--to", b.to, "Where the backup goes; absent or empty")->required();
    auto* restore = app.add_subcommand(
        "restore", "Make a data directory, with a replica id of its own, of a backup or of another one");
    restore->add_option("SOURCE", r.source, "A backup, or a data directory that is not in use")->required();
    auto* data = restore->add_option("--data", r.data, "The new data directory; absent or empty");
    restore->add_option("--name", r.name, "Of the node that will use it; as in the source without");
    restore->add_flag("--new-cluster", r.new_cluster,
                      "The backup is all that is left: its members begin anew, each from this backup");
    restore->add_flag("--salvage", r.salvage, "Of a damaged source, take what is before the damage");
    restore
        ->add_flag("--moved", r.moved,
                   "SOURCE itself was moved and the original is gone: it keeps its replica id")
        ->excludes(data);
    auto* verify = app.add_subcommand(
        "verify",
        "Check every byte and every invariant of a data directory or backup, and compare with peers");
    verify->add_option("DIR", v.data, "A data directory that is not in use, or a backup");
    verify->add_option("--schema", v.schema, "Schema files; without, the one the directory was made with");
    verify->add_option("--peer", v.peers,
                       "HTTP address of a running node to compare digests with; once per node");
}

// The parser itself would only say that a subcommand is required.
bool is_unknown(const CLI::App& app, const std::string& word) {
    if (word.empty() || word[0] == '-') return false;
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::find(names.begin(), names.end(), word) != names.end()) return false;
    const auto close = sql::closest_name(word, names);
    std::cerr << "anabranch: there is no subcommand " << word << "\n";
    if (!close.empty()) std::cerr << "Perhaps you meant " << close << ".\n";
    std::cerr << "Run 'anabranch --help' for what is understood.\n";
    return true;
}

int run(int argc, char** argv) {
    CLI::App app{
        "anabranch: a SQL database that any replica can write to, and a checker that proves which "
        "transactions may"};
    app.name("anabranch");
    app.set_version_flag("--version", std::string("anabranch ") + version);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App* where, const CLI::Error& error) {
        std::string program = where->get_display_name();
        for (const auto* said : where->get_subcommands()) program += " " + said->get_name();
        return std::string("anabranch: ") + error.what() + "\nRun '" + program +
               " --help' for what is understood.\n";
    });
    CheckArguments check_arguments;
    TableArguments table_arguments;
    ReplayArguments replay_arguments;
    NodeArguments node_arguments;
    DemoArguments demo_arguments;
    AdminArguments admin_arguments;
    SimulateArguments simulate_arguments;
    BenchArguments bench_arguments;
    BackupArguments backup_arguments;
    RestoreArguments restore_arguments;
    VerifyArguments verify_arguments;
    add_check(app, check_arguments);
    add_table(app, table_arguments);
    add_replay(app, replay_arguments);
    add_node(app, node_arguments);
    add_others(app, demo_arguments, admin_arguments, simulate_arguments, bench_arguments);
    add_storage(app, backup_arguments, restore_arguments, verify_arguments);
    if (argc > 1 && is_unknown(app, argv[1])) return 2;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    char path[4096];
    const auto size = ::readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string program(path, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (app.got_subcommand("check")) return check(check_arguments);
    if (app.got_subcommand("table")) return table(table_arguments);
    if (app.got_subcommand("replay")) return replay(replay_arguments);
    if (app.got_subcommand("node")) return node(node_arguments);
    if (app.got_subcommand("demo")) return demo(demo_arguments, program);
    if (app.got_subcommand("admin")) return admin(admin_arguments);
    if (app.got_subcommand("backup")) return backup(backup_arguments);
    if (app.got_subcommand("restore")) return restore(restore_arguments);
    if (app.got_subcommand("verify")) return verify(verify_arguments);
    if (app.got_subcommand("simulate")) return simulate(simulate_arguments);
    return bench(bench_arguments, program);
}

}  // namespace

}  // namespace anabranch::tools

int main(int argc, char** argv) {
    return anabranch::tools::run(argc, argv);
}
