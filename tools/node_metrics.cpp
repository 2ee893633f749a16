#include "tools/node_metrics.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "node/io/http.h"

namespace anabranch::tools {

double number(const std::string& text) {
    double out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

Result<Metrics> metrics_at(std::uint16_t port, const std::string& prefix) {
    TRY(const auto answer, io::http_request({"127.0.0.1", port}, "GET", "/metrics"));
    Metrics out;
    std::istringstream lines(answer.body);
    for (std::string line; std::getline(lines, line);) {
        const auto space = line.rfind(' ');
        if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
        const auto brace = std::min(line.find('{'), space);
        std::string name = line.substr(0, brace);
        if (name.starts_with(prefix)) name.erase(0, prefix.size());
        if (const auto bound = line.find(",le=\""); bound != std::string::npos)
            name += " " + line.substr(bound + 5, line.find('"', bound + 5) - bound - 5);
        out[name] += number(line.substr(space + 1));
    }
    return out;
}

Result<std::vector<Metrics>> metrics_of(const Cluster& cluster) {
    std::vector<Metrics> out;
    for (const auto& node : cluster.nodes()) {
        TRY(auto metrics, metrics_at(node.http, "anabranch_"));
        out.push_back(std::move(metrics));
    }
    return out;
}

double sum(const std::vector<Metrics>& all, const std::string& name) {
    double out = 0;
    for (const auto& one : all) out += one.at(name);
    return out;
}

double grown(const std::vector<Metrics>& before, const std::vector<Metrics>& after, const std::string& name) {
    return sum(after, name) - sum(before, name);
}

Result<std::size_t> primary_of(const Cluster& cluster) {
    for (int i = 0; i < 200; ++i) {
        const auto answer = io::http_request({"127.0.0.1", cluster.nodes().front().http}, "GET", "/status");
        if (answer) {
            const auto status = nlohmann::json::parse(answer->body, nullptr, false);
            if (!status.is_object()) continue;
            for (const auto& member : status.value("members", nlohmann::json::array()))
                if (member.value("primary", false))
                    for (std::size_t at = 0; at < cluster.nodes().size(); ++at)
                        if (cluster.nodes()[at].name == member.value("name", "")) return at;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail("08001", "bench: the nodes have elected no primary");
}

}  // namespace anabranch::tools
