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

Result<Postgres> Postgres::start() {
    if (!std::filesystem::exists(std::string(programs) + "/initdb"))
        return fail(Error::make(sqlstate::feature_not_supported, "PostgreSQL 15 is not installed")
                        .with_hint("apt-get install postgresql-15, or use --no-postgres."));
    std::string directory = (std::filesystem::temp_directory_path() / "anabranch-pg-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return fail(io::file_error("make", directory, errno));
    Postgres out(directory);
    if (::geteuid() == 0) TRY_VOID(shell("chown postgres " + directory));
    TRY_VOID(shell(as_postgres(std::string(programs) + "/initdb -D " + directory +
                               "/db -A trust -U postgres --no-locale -E UTF8")));
    TRY_VOID(shell(as_postgres(std::string(programs) + "/pg_ctl -D " + directory + "/db -o '-k " + directory +
                               " -h \"\" -c max_connections=300' -l " + directory + "/log -w start")));
    return out;
}

Postgres::Postgres(Postgres&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}

Postgres::~Postgres() {
    if (directory_.empty()) return;
    (void)shell(as_postgres(std::string(programs) + "/pg_ctl -D " + directory_ + "/db -m immediate -w stop"));
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

Result<void> Postgres::load(const std::string& schema_file) const {
    return shell("psql -X -q -h " + directory_ + " -U postgres -v ON_ERROR_STOP=1 -f " + schema_file);
}

}  // namespace anabranch::tools
