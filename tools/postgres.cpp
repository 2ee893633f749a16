#include "tools/postgres.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "node/io/file.h"
#include "tools/cluster.h"
#include "tools/node_metrics.h"

namespace anabranch::tools {

namespace {

constexpr const char* programs = "/usr/lib/postgresql/15/bin";

// PostgreSQL refuses to run as root: then its own user runs it.
std::string as_postgres(const std::string& command) {
    return ::geteuid() == 0 ? "runuser -u postgres -- " + command : command;
}

Result<void> shell(const std::string& command) {
    if (std::system((command + " >/dev/null 2>&1 </dev/null").c_str()) == 0) return {};
    return fail(Error::make("08000", "PostgreSQL for the comparison: this command failed: " + command));
}

// Holds the directory's lock while it runs: whoever clears up waits for what still writes there, initdb
// above all, whose own short-lived server leaves a postmaster.pid that cannot be stopped.
Result<void> write_in(const std::string& directory, const std::string& command) {
    return shell("flock -o " + directory + "/lock " + as_postgres(command));
}

// A server that is about to start cannot be stopped yet.
std::string stop(const std::string& data) {
    return "for i in $(seq 50); do [ -e " + data + "/postmaster.pid ] || break; " +
           as_postgres(std::string(programs) + "/pg_ctl -D " + data + " -m immediate -w stop") +
           " && break; sleep 0.2; done; ";
}

Result<void> start_server(const std::string& directory, const std::string& name, std::uint16_t port,
                          const std::string& listen) {
    auto started =
        write_in(directory, std::string(programs) + "/pg_ctl -D " + directory + "/" + name + " -o '-k " +
                                directory + " -p " + std::to_string(port) + " -h \"" + listen +
                                "\" -c max_connections=300' -l " + directory + "/" + name + ".log -w start");
    if (!started) started.error().detail = end_of_log(directory + "/" + name + ".log");
    return started;
}

}  // namespace

Result<Postgres> Postgres::start(std::uint16_t loopback_port) {
    if (!std::filesystem::exists(std::string(programs) + "/initdb"))
        return fail(Error::make(sqlstate::feature_not_supported, "PostgreSQL 15 is not installed")
                        .with_hint("apt-get install postgresql-15, or use --no-postgres."));
    TRY(auto folder,
        TemporaryDirectory::make("anabranch-pg", {"", "flock lock true; " + stop("db") + stop("standby")}));
    Postgres out(std::move(folder), loopback_port == 0 ? socket_port : loopback_port);
    const std::string& directory = out.directory_.path();
    // It stands in commands, and in options within them.
    if (directory.find_first_of(" \t\n'\"\\$`*?[]{}()<>|&;#~!") != std::string::npos)
        return fail(Error::make(sqlstate::feature_not_supported,
                                "PostgreSQL for the comparison cannot run in " + directory)
                        .with_hint("Set TMPDIR to a folder whose name has letters and digits only."));
    if (::geteuid() == 0) TRY_VOID(shell("chown postgres " + directory));
    TRY_VOID(write_in(directory, std::string(programs) + "/initdb -D " + directory +
                                     "/db -A trust -U postgres --no-locale -E UTF8"));
    TRY_VOID(start_server(directory, "db", out.port_, loopback_port == 0 ? "" : "127.0.0.1"));
    return out;
}

Result<void> Postgres::add_standby() {
    TRY_VOID(write_in(directory_.path(), std::string(programs) + "/pg_basebackup -U postgres -R -c fast -p " +
                                             std::to_string(port_) + " -h " + directory_.path() + " -D " +
                                             directory_.path() + "/standby"));
    TRY_VOID(start_server(directory_.path(), "standby", standby_port, ""));
    standby_ = true;
    TRY_VOID(ask(port_, "ALTER SYSTEM SET synchronous_standby_names = '*'"));
    TRY_VOID(ask(port_, "SELECT pg_reload_conf()"));
    for (int i = 0; i < 200; ++i) {
        TRY(const auto states, ask(port_, "SELECT sync_state FROM pg_stat_replication"));
        if (states == "sync") return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail("08000", "PostgreSQL for the comparison: its standby does not follow");
}

Result<void> Postgres::load(const std::string& schema_file) const {
    return shell("psql -X -q -h " + directory_.path() + " -p " + std::to_string(port_) +
                 " -U postgres -v ON_ERROR_STOP=1 -f " + schema_file);
}

Result<std::string> Postgres::ask(std::uint16_t server, const std::string& query) const {
    const std::string command = "psql -X -q -A -t -h " + directory_.path() + " -p " + std::to_string(server) +
                                " -U postgres -c \"" + query + "\" 2>/dev/null </dev/null";
    std::FILE* pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) return fail(io::file_error("start a process for", directory_.path(), errno));
    std::string out;
    char part[256];
    while (std::fgets(part, sizeof part, pipe) != nullptr) out += part;
    if (::pclose(pipe) != 0)
        return fail("08000", "PostgreSQL for the comparison: it does not answer " + query);
    while (out.ends_with('\n')) out.pop_back();
    return out;
}

pid_t Postgres::process() const {
    pid_t out = 0;
    std::ifstream(directory_.path() + "/db/postmaster.pid") >> out;
    return out;
}

Result<double> Postgres::syncs() const {
    double out = 0;
    for (const std::uint16_t server : {port_, standby_port}) {
        if (server == standby_port && !standby_) continue;
        TRY(const auto count, ask(server, "SELECT wal_sync FROM pg_stat_wal"));
        out += number(count);
    }
    return out;
}

}  // namespace anabranch::tools
