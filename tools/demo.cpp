#include <signal.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "tools/cluster.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {
volatile sig_atomic_t interrupted = 0;
void on_signal(int) {
    interrupted = 1;
}
}  // namespace

int demo(const DemoArguments& arguments, const std::string& program) {
    if (load_schema(arguments.schema, false) == nullptr)
        return 1;  // explains itself better than a child's log
    ::signal(SIGINT, on_signal);
    ::signal(SIGTERM, on_signal);
    Cluster cluster(program, arguments.schema, arguments.data);
    std::printf("Starting %u node%s ...\n", arguments.replicas, arguments.replicas == 1 ? "" : "s");
    std::fflush(stdout);
    if (auto started = cluster.start(arguments.replicas); !started) return explain(started.error());
    for (const auto& node : cluster.nodes())
        std::printf("  node %s   psql -h 127.0.0.1 -p %u -U app app    http://127.0.0.1:%u/status\n",
                    node.name.c_str(), static_cast<unsigned>(node.sql), static_cast<unsigned>(node.http));
    const auto& first = cluster.nodes().front();
    std::printf(
        "Cut node %s off and back:  anabranch admin cut --node 127.0.0.1:%u    anabranch admin heal --node "
        "127.0.0.1:%u\n",
        first.name.c_str(), static_cast<unsigned>(first.http), static_cast<unsigned>(first.http));
    std::printf("%s. Ctrl-C ends the demo.\n", arguments.data.empty() ? "Its data is thrown away at the end"
                                                                      : ("Data: " + arguments.data).c_str());
    std::fflush(stdout);
    while (interrupted == 0) {
        if (const auto* node = cluster.ended()) {
            std::fprintf(stderr, "anabranch: node %s has ended; see %s\n", node->name.c_str(),
                         node->log.c_str());
            if (arguments.data.empty()) std::fprintf(stderr, "  (use --data DIR to keep the logs)\n");
            return 1;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    std::printf("\nStopping ...\n");
    return 0;
}

}  // namespace anabranch::tools
