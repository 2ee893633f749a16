#include "tools/bench_parts.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace anabranch::tools {

namespace {

// The number of the process that has started this one; 0 when it has ended.
pid_t parent_of(const std::string& process) {
    std::ifstream in("/proc/" + process + "/stat");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto name_end = text.rfind(')');  // a name may hold anything
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(text.substr(name_end + 1));
    std::string state;
    pid_t parent = 0;
    fields >> state >> parent;
    return parent;
}

double cpu_of(const std::string& process) {
    double nanoseconds = 0;
    std::error_code ended;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + process + "/task", ended)) {
        std::uint64_t run = 0;
        std::ifstream(thread.path() / "schedstat") >> run;
        nanoseconds += static_cast<double>(run);
    }
    return nanoseconds / 1e9;
}

replica::Options options_of_one() {
    replica::Options o;
    o.name = "a";
    o.id = ReplicaId{77};
    return o;
}

catalog::Plan all_free(catalog::Plan plan) {
    for (auto& item : plan.transactions)
        if (item.route == catalog::Route::ordered) item.route = catalog::Route::free;
    return plan;
}

}  // namespace

double cpu_of_thread() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double cpu_of_process(pid_t process) {
    return cpu_of(std::to_string(process));
}

double cpu_of_family(pid_t parent) {
    double out = cpu_of_process(parent);
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") == std::string::npos && parent_of(name) == parent)
            out += cpu_of(name);
    }
    return out;
}

InProcess::InProcess(const catalog::SchemaPtr& schema, catalog::Plan plan)
    : replica(schema, all_free(std::move(plan)), options_of_one(), Random(1), nullptr, nullptr) {}

Result<void> InProcess::start() {
    TRY_VOID(replica.start(now(), out));
    replica.step(replica::OpenSession{1}, now(), out);
    settle();
    return {};
}

void InProcess::settle() {
    replica::Ticket last = 0;
    for (const auto& output : out)
        if (const auto* persist = std::get_if<replica::Persist>(&output)) {
            last = persist->ticket;
            if (record) record(persist->record);
        }
    out.clear();
    if (last != 0) replica.step(replica::Persisted{last}, now(), out);
    out.clear();
}

Result<void> InProcess::call(const replica::RunnablePtr& runnable, std::span<const sql::Datum> values,
                             exec::RowSink* sink) {
    auto done = replica.execute(1, ++number, runnable, values, sink, now(), out);
    if (!done.tag) return std::unexpected(done.tag.error());
    if (out.size() > 64) settle();
    return {};
}

}  // namespace anabranch::tools
