#include "tools/etcd.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "node/io/http.h"
#include "tools/cluster.h"
#include "tools/node_metrics.h"
#include "tools/temporary.h"

namespace anabranch::tools {

namespace {

constexpr std::size_t member_count = 3;

bool is_on_path(const std::string& program) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    return false;
}

std::string url(std::uint16_t port) {
    return "http://127.0.0.1:" + std::to_string(port);
}

TemporaryDirectory::Script running(const std::vector<std::uint16_t>& ports) {
    std::string cluster;
    for (std::size_t i = 0; i < member_count; ++i)
        cluster += (i == 0 ? "m" : ",m") + std::to_string(i) + "=" + url(ports[member_count + i]);
    std::string start = "all=''; ";
    for (std::size_t i = 0; i < member_count; ++i) {
        const std::string name = "m" + std::to_string(i);
        start += "etcd --name " + name + " --data-dir " + name + " --listen-client-urls " + url(ports[i]) +
                 " --advertise-client-urls " + url(ports[i]) + " --listen-peer-urls " +
                 url(ports[member_count + i]) + " --initial-advertise-peer-urls " +
                 url(ports[member_count + i]) + " --initial-cluster " + cluster +
                 " --logger zap --log-level error >" + name + ".log 2>&1 & all=\"$all $!\"; ";
    }
    return {start, "kill -KILL $all; wait"};
}

}  // namespace

Result<Etcd> Etcd::start() {
    if (!is_on_path("etcd"))
        return fail(Error::make(sqlstate::feature_not_supported, "etcd is not on the PATH")
                        .with_hint("apt-get install etcd-server"));
    TRY(auto ports, free_ports(2 * member_count));
    TRY(auto directory, TemporaryDirectory::make("anabranch-etcd", running(ports)));
    ports.resize(member_count);
    Etcd out(std::move(directory), std::move(ports));
    TRY_VOID(out.wait_ready());
    return out;
}

Result<void> Etcd::wait_ready() {
    for (int i = 0; i < 600; ++i) {
        std::size_t ready = 0;
        for (const auto port : ports_) {
            const auto answer = io::http_request({"127.0.0.1", port}, "GET", "/health");
            ready += answer && answer->status == 200 ? 1 : 0;
        }
        if (ready == member_count) {
            TRY(const auto answer, io::http_request({"127.0.0.1", ports_.front()}, "GET", "/version"));
            const auto version = nlohmann::json::parse(answer.body, nullptr, false);
            version_ = version.is_object() ? version.value("etcdserver", "") : "";
            return {};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail("08001", "etcd for the comparison did not become ready within 30 seconds");
}

Result<std::uint16_t> Etcd::leader_port() const {
    for (const auto port : ports_) {
        TRY(const auto metrics, metrics_at(port, "etcd_"));
        if (metrics.at("server_is_leader") == 1) return port;
    }
    return fail("08001", "etcd for the comparison has no leader");
}

Result<double> Etcd::syncs() const {
    double out = 0;
    for (const auto port : ports_) {
        TRY(const auto metrics, metrics_at(port, "etcd_"));
        out += metrics.at("disk_wal_fsync_duration_seconds_count") +
               metrics.at("disk_backend_commit_duration_seconds_count");
    }
    return out;
}

// ---- its protocol ----

namespace {

std::string base64(std::string_view in) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < in.size(); at += 3) {
        const std::size_t some = std::min<std::size_t>(3, in.size() - at);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < some ? static_cast<unsigned char>(in[at + i]) : 0U);
        for (std::uint32_t i = 0; i < 4; ++i) out += i <= some ? digits[bits >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

class EtcdConnection final : public LoadConnection {
  public:
    Result<void> open(const LoadOptions& options, std::uint16_t port) override {
        return connect(options, port);
    }
    void add_call(std::string& out, const LoadCall& call) override {
        const std::string key = base64(call.parameters[0]);
        const std::string body = R"({"compare":[{"key":")" + key +
                                 R"(","target":"VERSION","result":"EQUAL","version":")" + call.parameters[1] +
                                 R"("}],"success":[{"requestPut":{"key":")" + key + R"(","value":")" +
                                 base64(call.parameters[2]) + R"("}}]})";
        out +=
            "POST /v3/kv/txn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + body;
    }
    std::optional<std::string> next_answer() override {
        constexpr std::string_view length_header = "\r\nContent-Length: ";
        const auto in = received();
        const auto head_end = in.find("\r\n\r\n");
        if (head_end == std::string_view::npos) return {};
        const auto head = in.substr(0, head_end + 2);
        const auto length = head.find(length_header);
        std::size_t size = 0;
        if (length != std::string_view::npos)
            std::from_chars(head.data() + length + length_header.size(), head.data() + head.size(), size);
        if (in.size() < head_end + 4 + size) return {};
        const auto body = in.substr(head_end + 4, size);
        take(head_end + 4 + size);
        if (!head.starts_with("HTTP/1.1 200")) return "etcd: " + std::string(head.substr(0, 40));
        if (body.find("\"succeeded\":true") != std::string_view::npos) return std::string();
        return "etcd: the key has another version";
    }
};

}  // namespace

std::unique_ptr<LoadConnection> etcd_connection() {
    return std::make_unique<EtcdConnection>();
}

}  // namespace anabranch::tools
