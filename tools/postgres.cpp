#include "tools/postgres.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "node/io/file.h"

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

}  // namespace

// Ctrl-C is for the parent; the end of its pipe is what ends the server.
Postgres::Postgres(std::string directory)
    : directory_(std::move(directory)),
      caretaker_(::popen(
          // A server that is about to start cannot be stopped yet.
          ("trap '' HUP INT TERM; exec >/dev/null 2>&1; cat; for i in $(seq 50); do [ -e " + directory_ +
           "/db/postmaster.pid ] || break; " +
           as_postgres(std::string(programs) + "/pg_ctl -D " + directory_ + "/db -m immediate -w stop") +
           " && break; sleep 0.2; done; rm -rf " + directory_)
              .c_str(),
          "we")) {}

Result<Postgres> Postgres::start() {
    if (!std::filesystem::exists(std::string(programs) + "/initdb"))
        return fail(Error::make(sqlstate::feature_not_supported, "PostgreSQL 15 is not installed")
                        .with_hint("apt-get install postgresql-15, or use --no-postgres."));
    std::string directory = (std::filesystem::temp_directory_path() / "anabranch-pg-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return fail(io::file_error("make", directory, errno));
    Postgres out(directory);
    if (out.caretaker_ == nullptr) return fail(io::file_error("start a process for", directory, errno));
    if (::geteuid() == 0) TRY_VOID(shell("chown postgres " + directory));
    TRY_VOID(shell(as_postgres(std::string(programs) + "/initdb -D " + directory +
                               "/db -A trust -U postgres --no-locale -E UTF8")));
    TRY_VOID(shell(as_postgres(std::string(programs) + "/pg_ctl -D " + directory + "/db -o '-k " + directory +
                               " -h \"\" -c max_connections=300' -l " + directory + "/log -w start")));
    return out;
}

Result<void> Postgres::load(const std::string& schema_file) const {
    return shell("psql -X -q -h " + directory_ + " -U postgres -v ON_ERROR_STOP=1 -f " + schema_file);
}

}  // namespace anabranch::tools
