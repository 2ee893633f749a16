// The subcommands of the program `anabranch`. Each takes what the command line said and returns the exit
// status: 0 done, 1 an error that was explained on standard error, 2 wrong usage, 3 (check) a denied verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace anabranch::tools {

struct CheckArguments {
    std::vector<std::string> files;  // "-" is standard input
    std::string format = "text";     // text, json, html
    std::string out;                 // file; empty: standard output
    std::string transaction, invariant;
    std::vector<std::string> deny;  // ordered, unknown
    std::string colour = "auto";    // auto, always, never
    bool repairs = true;
    std::optional<std::string> mix;  // NAME=WEIGHT,...: predict the share of calls that wait
    std::optional<double> skew;
    std::uint32_t keys = 1000;
};
int check(const CheckArguments& arguments);

struct TableArguments {
    std::string show;  // a row
};
int table(const TableArguments& arguments);

struct ReplayArguments {
    std::vector<std::string> files;
    std::string schema;  // overrides the scenario's `schema` line
};
int replay(const ReplayArguments& arguments);

struct NodeArguments {
    std::vector<std::string> schema;
    std::string name, data, config;
    std::string sql = "127.0.0.1:5433", gossip = "127.0.0.1:7433", http = "127.0.0.1:8433";
    std::string socket;              // directory; empty: none
    std::vector<std::string> peers;  // NAME=ADDR
    bool join = false;
    std::string advertise;                        // ADDR; empty: `gossip`
    std::string users, tls_certificate, tls_key;  // files
    bool tls_required = false, trust = false;
    std::string cluster_certificate, cluster_key, cluster_authority;  // files
    std::size_t clients_max = 200;
    std::size_t checkpoint_bytes = 16777216;  // of log, at least, from one checkpoint to the next
    std::size_t kept_bytes = 67108864;        // of deltas for members that are away
    bool keep_deleted = false;                // tombstones stay when nobody needs them any more
    std::size_t memory_bytes = 0;             // of rows; 0: three quarters of the machine's memory
    std::vector<std::string> defaults;        // NAME=VALUE of settings that sessions begin with
    bool quiet = false;
    std::string log_format = "text";  // text, json
    std::string log_level = "info";   // info, warning, alarm
    std::int64_t parent = 0;  // process id of the `demo` or `bench` with which this node ends; 0: nobody
};
int node(const NodeArguments& arguments);

struct DemoArguments {
    std::vector<std::string> schema;
    std::uint32_t replicas = 3;
    std::string data;  // kept when given; else a temporary directory that is removed
};
int demo(const DemoArguments& arguments, const std::string& program);

struct AdminArguments {
    std::string action;  // cut, heal, status, members, add, remove, transfer, step-down
    std::string node = "127.0.0.1:8433";
    std::string peer;
    std::string member, address;  // of `add`, the former as NAME=ADDR on the command line
    bool learner = false;
    std::uint32_t wait_seconds = 60;  // for a new member to catch up
};
int admin(const AdminArguments& arguments);

struct BackupArguments {
    std::string data, to;
};
int backup(const BackupArguments& arguments);

struct RestoreArguments {
    std::string source, data, name;
    bool new_cluster = false, salvage = false, moved = false;
};
int restore(const RestoreArguments& arguments);

struct VerifyArguments {
    std::string data;                 // a data directory that is not in use, or a backup; empty: peers only
    std::vector<std::string> schema;  // empty: the file that the directory was made with
    std::vector<std::string> peers;   // HTTP addresses of running nodes
};
int verify(const VerifyArguments& arguments);

struct SimulateArguments {
    std::vector<std::string> schema;
    std::uint32_t replicas = 3;
    std::string seeds = "1..200";
    std::vector<std::string> faults;  // empty: all
    double load_seconds = 20;         // simulated, with faults
    double minutes = 0;               // of this machine, then it ends; 0: no limit
    std::string replay;               // a script instead of seeds
    std::string out = "simulate-failure.script";
    std::string planted = "nothing";
    bool verbose = false;
};
int simulate(const SimulateArguments& arguments);

struct BenchArguments {
    std::string what;    // bank, check, gossip, order, scale, schema, sql
    bool quick = false;  // check, gossip, order, scale, sql: with little work, to see that it works
    std::uint32_t seconds = 3;
    std::uint32_t clients = 16;
    bool postgres = true;
    std::uint32_t tables = 375;  // of the generated schema
};
int bench(const BenchArguments& arguments, const std::string& program);
int bench_gossip(const BenchArguments& arguments, const std::string& program);
int bench_order(const BenchArguments& arguments, const std::string& program);
int bench_sql(const BenchArguments& arguments, const std::string& program);
int bench_check(const BenchArguments& arguments, const std::string& program);
int print_schema(const BenchArguments& arguments);

}  // namespace anabranch::tools
