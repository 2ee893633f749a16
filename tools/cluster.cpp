#include "tools/cluster.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "node/io/file.h"
#include "node/io/http.h"
#include "node/io/local_socket.h"

extern char** environ;

namespace anabranch::tools {

namespace {

std::string loopback(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

Result<std::vector<std::uint16_t>> free_ports(std::size_t count) {
    std::vector<io::File> held;
    std::vector<std::uint16_t> out;
    std::random_device random;
    for (int tries = 0; out.size() < count; ++tries) {
        const auto port = static_cast<std::uint16_t>(10'000 + random() % 22'768);
        io::File socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            if (tries < 10'000 && errno == EADDRINUSE) continue;
            return fail(sqlstate::io_error, std::string("cannot find a free port: ") + std::strerror(errno));
        }
        out.push_back(port);
        held.push_back(std::move(socket));
    }
    return out;
}

std::string end_of_log(const std::string& path) {
    auto text = io::read_file(path).value_or("");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.size() > 600 ? text.substr(text.size() - 600) : text;
}

Cluster::Cluster(std::string program, std::vector<std::string> schema, std::string data)
    : program_(std::move(program)), schema_(std::move(schema)), data_(std::move(data)) {}

Cluster::~Cluster() {
    stop();
}

Result<void> Cluster::start(std::uint32_t replicas) {
    if (data_.empty()) {
        TRY(temporary_, TemporaryDirectory::make("anabranch-demo"));
        data_ = temporary_->path();
    }
    TRY_VOID(io::make_directory(data_));
    TRY(const auto ports, free_ports(std::size_t{3} * replicas));
    for (std::uint32_t i = 0; i < replicas; ++i) {
        Node node;
        node.name = std::string(1, static_cast<char>('a' + i));
        node.sql = ports[3 * i];
        node.gossip = ports[3 * i + 1];
        node.http = ports[3 * i + 2];
        node.data = data_ + "/" + node.name;
        node.log = data_ + "/" + node.name + ".log";
        if (sockets_ && io::local_address(data_, node.sql)) node.socket = data_;
        nodes_.push_back(std::move(node));
    }
    for (auto& node : nodes_) TRY_VOID(spawn(node));
    for (const auto& node : nodes_) TRY_VOID(wait_ready(node));
    return {};
}

Result<void> Cluster::spawn(Node& node) {
    std::vector<std::string> words{program_, "node"};
    words.insert(words.end(), schema_.begin(), schema_.end());
    for (const auto& word :
         {std::string("--name"), node.name, std::string("--data"), node.data, std::string("--sql"),
          loopback(node.sql), std::string("--gossip"), loopback(node.gossip), std::string("--http"),
          loopback(node.http), std::string("--end-with"), std::to_string(::getpid())})
        words.push_back(word);
    if (!node.socket.empty()) words.insert(words.end(), {"--socket", node.socket});
    for (const auto& peer : nodes_)
        if (peer.name != node.name) {
            words.push_back("--peer");
            words.push_back(peer.name + "=" + loopback(peer.gossip));
        }
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, node.log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    // A group of its own: Ctrl-C on the terminal reaches the parent only, which stops the nodes in order.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int problem =
        ::posix_spawn(&node.pid, program_.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (problem != 0) {
        node.pid = -1;
        return fail(io::file_error("start", program_, problem));
    }
    return {};
}

Result<void> Cluster::wait_ready(const Node& node) {
    for (int i = 0; i < 600; ++i) {
        if (const auto answer = io::http_request({"127.0.0.1", node.http}, "GET", "/readyz");
            answer && answer->status == 200)
            return {};
        if (const auto* dead = ended())
            return fail(Error::make(sqlstate::io_error, "node " + dead->name + " did not start")
                            .with_detail(end_of_log(dead->log)));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail(
        Error::make(sqlstate::io_error, "node " + node.name + " did not become ready within 30 seconds")
            .with_detail(end_of_log(node.log)));
}

const Cluster::Node* Cluster::ended() {
    for (auto& node : nodes_) {
        int status = 0;
        if (node.pid > 0 && ::waitpid(node.pid, &status, WNOHANG) == node.pid) {
            node.pid = -1;
            return &node;
        }
    }
    return nullptr;
}

void Cluster::stop() {
    for (const auto& node : nodes_)
        if (node.pid > 0) ::kill(node.pid, SIGTERM);
    for (auto& node : nodes_) {
        int status = 0;
        for (int i = 0; node.pid > 0 && i < 100; ++i) {
            if (::waitpid(node.pid, &status, WNOHANG) == node.pid)
                node.pid = -1;
            else
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        if (node.pid > 0) {
            ::kill(node.pid, SIGKILL);
            ::waitpid(node.pid, &status, 0);
            node.pid = -1;
        }
    }
}

}  // namespace anabranch::tools
