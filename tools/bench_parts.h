// What several benches measure with: CPU time, and one replica in this process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>

#include "node/replica/replica.h"

namespace anabranch::tools {

// Seconds of CPU of this thread; of the threads of a process that are there; of a process and its children.
double cpu_of_thread();
double cpu_of_process(pid_t process);
double cpu_of_family(pid_t parent);

// Nothing but the engine: no socket, no peers; one replica runs everything itself, whatever the plan's
// routes.
struct InProcess {
    InProcess(const catalog::SchemaPtr& schema, catalog::Plan plan);
    Result<void> start();
    Result<void> call(const replica::RunnablePtr& runnable, std::span<const sql::Datum> values,
                      exec::RowSink* sink = nullptr);
    void settle();  // everything appended is "durable" at once
    Instant now() { return {1'700'000'000'000'000 + ++ticks}; }

    replica::Replica replica;
    replica::Outputs out;
    std::function<void(BytesView record)> record;  // given each log record; may be empty
    std::int64_t ticks = 0;
    std::uint64_t number = 0;
};

}  // namespace anabranch::tools
