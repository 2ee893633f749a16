// A node without its sockets, and a client that has connected and then sends any bytes.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "lib/base/check.h"
#include "tests/unit/session/host.h"

using namespace anabranch;

namespace {

constexpr const char* schema = R"(
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id bigint PRIMARY KEY, name text UNIQUE, n numeric(10, 2) CHECK (n >= 0), m mood, a integer[]);
CREATE PROCEDURE put(id bigint, name text)
BEGIN ATOMIC
    INSERT INTO t (id, name) VALUES (id, name) ON CONFLICT (id) DO UPDATE SET name = excluded.name;
END;
)";

// Statements that would run for long stop at the first look at this.
const exec::Interrupt interrupt = exec::Interrupted::cancelled;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint64_t clients_per_host = 500;  // its tables grow
    static std::unique_ptr<test::Host> host;
    static std::uint64_t clients = 0;
    if (clients++ % clients_per_host == 0) {
        host = std::make_unique<test::Host>(schema);
        host->replica().set_interrupt(&interrupt);
    }
    test::Client client(*host, clients);
    const std::string answer = client.send({reinterpret_cast<const char*>(data), size});
    CHECK_NOTE(test::well_formed(answer), "messages are whole");
    return 0;
}
