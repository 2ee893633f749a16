#include "node/io/node.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>

#include "lib/base/check.h"
#include "node/io/admin.h"
#include "node/io/checkpoint.h"
#include "node/io/clients.h"
#include "node/io/data_directory.h"
#include "node/io/http.h"
#include "node/io/loop.h"
#include "node/io/peers.h"
#include "node/io/report.h"
#include "node/io/status.h"

namespace anabranch::io {

namespace {

std::uint64_t entropy() {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
}

// Of a new directory.
DirectoryIdentity new_identity(const NodeConfig& config, const catalog::Schema& schema) {
    DirectoryIdentity out;
    out.name = config.name;
    out.replica = ReplicaId{std::max<std::uint64_t>(entropy(), 2)};
    out.schema_hash = schema.hash;
    out.schema_file = schema.file;
    if (config.join) return out;
    out.began_with.push_back(config.name);
    for (const auto& peer : config.peers) out.began_with.push_back(peer.name);
    std::sort(out.began_with.begin(), out.began_with.end());
    out.members = out.began_with;
    // Several must come to the same by themselves.
    if (out.members.size() == 1) out.cluster = std::max<std::uint64_t>(entropy(), 1);
    return out;
}

// The same for ever, whoever joins or leaves: by the members it began with.
std::uint64_t cluster_of(const DirectoryIdentity& identity) {
    if (identity.began_with.empty()) return identity.cluster;
    std::string all;
    for (const auto& name : identity.began_with) all += name + '\0';
    if (identity.cluster != 0) all += hex(identity.cluster);
    if (identity.founded != 0) all += hex(identity.founded);
    return hash64(all, 0x636c7573746572);
}

std::size_t physical_memory() {
    const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGE_SIZE);
    return pages > 0 && size > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) : 0;
}

replica::Options options_of(const NodeConfig& config, const DirectoryIdentity& identity,
                            const Address& gossip) {
    replica::Options options;
    options.name = config.name;
    options.id = identity.replica;
    options.cluster = cluster_of(identity);
    options.address = config.advertised.value_or(gossip).describe();
    options.joining = identity.joined_later();
    options.founded = identity.founded != 0;
    options.checkpoint_log_bytes_min = config.checkpoint_bytes;
    options.kept_bytes_max = config.kept_bytes;
    options.forget_deleted = config.forget_deleted;
    options.order.commit_news = millis(2);
    options.memory_bytes_max = config.memory_bytes != 0 ? config.memory_bytes : physical_memory() / 4 * 3;
    // After the first start the command line only says where they are.
    auto names = identity.began_with;
    if (options.joining)
        for (const auto& peer : config.peers) names.push_back(peer.name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const auto& name : names) {
        if (name == config.name) continue;
        const auto peer = std::find_if(config.peers.begin(), config.peers.end(),
                                       [&](const NodePeer& other) { return other.name == name; });
        options.peers.push_back(
            {name, ReplicaId{}, true, peer == config.peers.end() ? "" : peer->address.describe()});
    }
    return options;
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
    const auto colon = text.rfind(':');
    Address out{"127.0.0.1", 0};
    if (colon != std::string::npos && colon > 0) out.host = text.substr(0, colon);
    const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (problem != std::errc() || end != port.data() + port.size() || port.empty())
        return fail(Error::make("22023", "\"" + text + "\" is no address")
                        .with_hint("Write host:port, for example 127.0.0.1:5433."));
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
        out.host = out.host.substr(1, out.host.size() - 2);
    return out;
}

Instant wall_clock() {
    return {std::chrono::duration_cast<std::chrono::microseconds>(
                std::chrono::system_clock::now().time_since_epoch())
                .count()};
}

Result<tcp::acceptor> listen_on(asio::io_context& context, const Address& address, const char* what,
                                const char* flag) {
    const auto failed = [&](const boost::system::error_code& error) {
        return fail(Error::make("08000", std::string("cannot listen for ") + what + " on " +
                                             address.describe() + ": " + error.message())
                        .with_hint(std::string("Choose another address with ") + flag + ", for example " +
                                   flag + " " + address.host + ":0 for any free port."));
    };
    boost::system::error_code error;
    tcp::resolver resolver(context);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (error) return failed(error);
    tcp::acceptor acceptor(context);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    if (acceptor.open(endpoint.protocol(), error); error) return failed(error);
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (acceptor.bind(endpoint, error); error) return failed(error);
    if (acceptor.listen(asio::socket_base::max_listen_connections, error); error) return failed(error);
    return acceptor;
}

Address address_of(const tcp::acceptor& acceptor) {
    const auto endpoint = acceptor.local_endpoint();
    return {endpoint.address().to_string(), endpoint.port()};
}

class Node final : public Loop {
  public:
    Node(const NodeConfig& config, catalog::SchemaPtr schema)
        : config_(config),
          schema_(std::move(schema)),
          tables_(schema_),
          timer_(context_),
          signals_(context_),
          reporter_(config) {}

    Result<void> start(catalog::Plan plan, replica::StatementAnalyst* analyst) {
        TRY(auto security, Security::load(config_));
        TRY(auto cluster_tls, ClusterTls::load(config_));
        mutual_tls_ = cluster_tls != nullptr;
        // Ports first: a node that cannot be reached should not touch its data.
        TRY(auto sql, listen_on(context_, config_.sql, "SQL clients", "--sql"));
        std::unique_ptr<LocalSocket> local;
        if (!config_.socket_directory.empty()) {
            TRY(local, LocalSocket::listen(config_.socket_directory, address_of(sql).port));
        }
        TRY(auto gossip, listen_on(context_, config_.gossip, "peers", "--gossip"));
        TRY(auto http, listen_on(context_, config_.http, "HTTP", "--http"));
        TRY(directory_, DataDirectory::open(config_.data_directory, new_identity(config_, *schema_)));
        const auto options = options_of(config_, directory_->identity(), address_of(gossip));
        replica_ = std::make_unique<replica::Replica>(schema_, std::move(plan), options, Random(entropy()),
                                                      analyst, &tables_);
        tables_.attach(replica_.get());
        Recovered recovered;
        TRY_VOID(recover(recovered));
        log_->start(
            {[this](std::uint64_t ticket) { on_durable(ticket); },
             [this](bool available) { asio::post(context_, [this, available] { tell_space(available); }); },
             [this](Error error) {
                 asio::post(context_, [this, error = std::move(error)] { disk_failed(error); });
             }});
        announce(address_of(sql), address_of(gossip), address_of(http), recovered);
        std::vector<int> listeners{sql.native_handle()};
        if (local) listeners.push_back(local->listener());
        watch_.emplace(std::move(listeners), [this](int socket) {
            asio::post(context_, [this, socket] { clients_->adopt(socket); });
        });
        replica_->set_cancelled(watch_->cancelled());
        peers_.emplace(*this, std::move(gossip), std::move(cluster_tls));
        clients_.emplace(*this, std::move(sql), std::move(local), std::move(security));
        http_.emplace(context_, std::move(http),
                      [this](const auto& method, const auto& path, const auto& query) {
                          return answer(method, path, query);
                      });
        TRY_VOID(replica_->start(now(), outputs_));
        started_ = now();
        turn();
        peers_->start();
        clients_->start();
        http_->start();
        ready();
        return {};
    }

    Result<void> run() {
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        signals_.async_wait([this](boost::system::error_code error, int) {
            if (!error)
                shut_down(Error::make("57P01",
                                      "terminating connection: node " + config_.name + " is shutting down"));
        });
        context_.run();
        checkpoints_.reset();
        log_.reset();  // writes and syncs what is pending
        // Clients hold sessions of the replica.
        clients_.reset();
        if (failure_) return std::unexpected(*failure_);
        return {};
    }

    // ---- Loop and Host ----
    Instant now() override { return wall_clock(); }
    replica::Outputs& outputs() override { return outputs_; }
    replica::Replica& replica() override { return *replica_; }
    session::Tables& tables() override { return tables_; }
    const catalog::SchemaPtr& schema() const override { return schema_; }
    const NodeConfig& config() const override { return config_; }
    asio::io_context& context() override { return context_; }
    std::uint64_t durable() const override { return durable_; }
    void running(std::uint64_t session, Duration timeout) override { watch_->begin(session, timeout); }
    bool stopped() override { return watch_->end(); }
    const std::vector<std::pair<std::string, std::string>>& defaults() const override {
        return config_.defaults;
    }
    Watch& watch() override { return *watch_; }

    void turn() override {
        if (turning_) return;
        turning_ = true;
        ++turns_;
        while (!outputs_.empty()) {
            carried_.swap(outputs_);
            for (auto& output : carried_) std::visit([&](auto& item) { carry(item); }, output);
            carried_.clear();
        }
        if (log_ != nullptr) {
            if (log_->waits() && is_over(hand_over_by_)) log_->hurry();
            log_->flush();
        }
        if (peers_) peers_->write_all();
        if (clients_ && clients_->write_all() && log_ != nullptr) {
            log_->hurry();
            log_->flush();
        }
        turning_ = false;
        if (!outputs_.empty()) return turn();  // a client that was closed while writing
        arm();
    }

    void turn_soon() override {
        if (std::exchange(turn_posted_, true)) {
            // Who has been answered does not wait long for the others.
            if (now() - turn_posted_at_ <= micros(500)) return;
            turn_posted_at_ = now();
            return turn();
        }
        turn_posted_at_ = now();
        asio::post(context_, [this] {
            turn_posted_ = false;
            turn_all();
        });
    }
    void turn_all() override {
        if (stopping_ || replica_->next_deadline() > now()) return turn();
        tick();
    }

    void report(replica::Notice::Level level, const std::string& text) override {
        reporter_.report(level, text, now());
    }

  private:
    struct Recovered {
        std::optional<CheckpointInfo> checkpoint;
        LogRecovery log;
        std::int64_t micros = 0;
    };
    // The newest checkpoint, then the log behind it.
    Result<void> recover(Recovered& out) {
        const Instant begun = now();
        TRY(out.checkpoint, find_checkpoint(directory_->checkpoint_path()));
        LogOptions options;
        // Only whole segments are given up, so several fit between two checkpoints.
        options.segment_bytes =
            std::clamp(config_.checkpoint_bytes / 4, std::size_t{64} << 10, options.segment_bytes);
        if (out.checkpoint) {
            TRY_VOID(read_checkpoint(*out.checkpoint,
                                     [&](BytesView part) { return replica_->recover_checkpoint(part); }));
            options.first = out.checkpoint->begin;
            options.last = out.checkpoint->end;
        }
        TRY(log_, Log::open(
                      directory_->log_path(), options,
                      [&](std::uint64_t lsn, BytesView record) { return replica_->recover(lsn, record); },
                      out.log));
        durable_ = newest_durable_ = log_->next_lsn() - 1;
        checkpoints_.emplace(directory_->checkpoint_path(), [this](Result<void> done) {
            replica::CheckpointReady event{done ? std::string() : done.error().message};
            asio::post(context_, [this, event = std::move(event)] { step(event); });
        });
        out.micros = (now() - begun).micros;
        return {};
    }

    void announce(const Address& sql, const Address& gossip, const Address& http,
                  const Recovered& recovered) {
        if (config_.quiet) return;
        std::printf("anabranch node %s: schema %s, data %s (%s replica %s)\n", config_.name.c_str(),
                    schema_->file.c_str(), config_.data_directory.c_str(),
                    directory_->fresh() ? "new" : "known", hex(directory_->identity().replica.value).c_str());
        if (recovered.checkpoint)
            std::printf("  recovered a checkpoint of %llu bytes\n",
                        static_cast<unsigned long long>(recovered.checkpoint->bytes));
        if (recovered.log.records > 0)
            std::printf("  recovered %llu records, %llu bytes, in %.3f s%s\n",
                        static_cast<unsigned long long>(recovered.log.records),
                        static_cast<unsigned long long>(recovered.log.bytes),
                        static_cast<double>(recovered.micros) / 1e6,
                        recovered.log.tail_cut ? "; an unfinished write at the end was cut off" : "");
        const auto psql = [&](const std::string& host) {
            return "psql -h " + host + " -p " + std::to_string(sql.port);
        };
        std::printf("  sql    %s   %s\n", sql.describe().c_str(), psql(sql.host).c_str());
        if (!config_.socket_directory.empty())
            std::printf("  socket %s   %s\n", config_.socket_directory.c_str(),
                        psql(config_.socket_directory).c_str());
        std::printf("  gossip %s%s\n  http   http://%s/status\n", gossip.describe().c_str(),
                    mutual_tls_ ? "   TLS, peers show certificates" : "", http.describe().c_str());
    }
    void ready() const {
        if (!config_.quiet) std::printf("  order  %s\n", replica_->survives().c_str());
        std::printf("anabranch node %s: ready\n", config_.name.c_str());
        std::fflush(stdout);
    }

    void step(const replica::Input& input) {
        if (stopping_) return;
        replica_->step(input, now(), outputs_);
        turn();
    }

    void tell_space(bool available) {
        space_told_ = now();
        step(replica::LogSpace{available, log_->free_bytes()});
    }

    Instant next_deadline() const {
        const Instant next = replica_->next_deadline();
        return log_->waits() ? std::min(next, hand_over_by_) : next;
    }
    bool due() { return next_deadline() <= now(); }
    void arm() {
        if (stopping_) return;
        const Instant next = next_deadline();
        if (next <= now()) {  // behind what has arrived by now
            if (std::exchange(tick_posted_, true)) return;
            return asio::post(context_, [this] {
                tick_posted_ = false;
                tick();
            });
        }
        // A timer that goes off too early only sets itself anew: less work than to set it with each event.
        if (armed_ && *armed_ <= next) return;
        armed_ = next;
        const auto delay = std::clamp<std::int64_t>((next - now()).micros, 0, seconds(3600).micros);
        timer_.expires_after(std::chrono::microseconds(delay));
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            armed_.reset();
            due() ? tick() : arm();
        });
    }
    void tick() {
        if (stopping_) return;
        if (now() - space_told_ >= millis(500) || now() < space_told_) tell_space(log_->has_space());
        step(replica::Tick{});
    }

    // What is in no hurry is handed to the disk together, in the end.
    static constexpr Duration soon = millis(5), lazily = millis(20);
    bool is_over(Instant deadline) { return now() >= deadline || now() + lazily < deadline; }  // it went back
    void carry(replica::Persist& output) {
        using When = replica::Persist::When;
        CHECK_NOTE(output.ticket == log_->next_lsn(), "tickets are positions in the log");
        if (output.when != When::at_once) {
            const Instant latest = now() + (output.when == When::soon ? soon : lazily);
            hand_over_by_ = log_->waits() ? std::min(hand_over_by_, latest) : latest;
        }
        log_->append(output.ticket, output.record, output.when != When::at_once);
    }
    void carry(replica::Hurry&) { log_->hurry(); }
    void carry(replica::CheckpointPart& output) {
        using Step = replica::CheckpointPart::Step;
        if (output.step == Step::begin) checkpoints_->begin();
        if (output.step != Step::end) return checkpoints_->add(std::move(output.bytes));
        finishing_ = output;
        finish_checkpoint();
    }
    void carry(replica::TruncateLog& output) { log_->truncate(output.before); }
    // A checkpoint may hold traces of everything up to its end, so it must not be found before that is
    // durable.
    void finish_checkpoint() {
        if (!finishing_) return;
        if (finishing_->last > durable_) return log_->hurry();
        checkpoints_->finish(finishing_->first, finishing_->last);
        finishing_.reset();
    }
    void carry(replica::Send& output) {
        if (output.after <= durable_) return peers_->send(output.peer, output.message);
        log_->hurry();
        held_.push_back(std::move(output));
    }
    void carry(replica::Reply& output) {
        if (clients_) clients_->reply(output);
    }
    void carry(replica::Notify& output) {
        if (clients_) clients_->notify(output.channel, output.payload);
    }
    void carry(replica::Notice& output) { report(output.level, output.text); }
    void carry(replica::Disconnect& output) {
        report(replica::Notice::Level::warning, "link to " + output.peer + " closed: " + output.reason);
        peers_->disconnect(output.peer, output.reason);
    }

    void carry(replica::Members& output) {
        if (auto noted = directory_->note(output.cluster, output.names); !noted)
            return disk_failed(noted.error());
        peers_->set(output.contacts);
    }

    // On the log's thread. Many syncs may end before the loop looks: only the newest ticket counts.
    void on_durable(std::uint64_t ticket) {
        newest_durable_.store(ticket, std::memory_order_release);
        if (durable_posted_.exchange(true, std::memory_order_acq_rel)) return;
        asio::post(context_, [this] {
            durable_posted_.store(false, std::memory_order_release);
            durable_ = newest_durable_.load(std::memory_order_acquire);
            if (stopping_) return;
            replica_->step(replica::Persisted{durable_}, now(), outputs_);
            if (!held_.empty()) {
                auto held = std::move(held_);
                held_.clear();
                for (auto& item : held) carry(item);
            }
            finish_checkpoint();
            clients_->durable(durable_);
            turn();
        });
    }

    void disk_failed(const Error& error) {
        failure_ = error;
        failure_->detail =
            "The node stops: nothing it has acknowledged is lost, but it cannot promise anything further.";
        report(replica::Notice::Level::alarm, error.message);
        shut_down(Error::make(sqlstate::io_error, error.message));
    }

    void shut_down(const Error& reason) {
        if (stopping_) return;
        watch_->stop();
        clients_->stop(reason);
        stopping_ = true;
        peers_->stop();
        http_->stop();
        timer_.cancel();
        signals_.cancel();
        // Leaves the last answers a moment to go out.
        timer_.expires_after(std::chrono::milliseconds(50));
        timer_.async_wait([this](boost::system::error_code) { context_.stop(); });
        if (!config_.quiet) std::printf("anabranch node %s: stopped\n", config_.name.c_str());
    }

    Counters counters() const {
        Counters out;
        out.clients = clients_->count();
        out.clients_accepted = clients_->accepted();
        out.gossip_bytes_sent = peers_->bytes_sent();
        out.gossip_bytes_received = peers_->bytes_received();
        out.log_bytes = log_->bytes_written();
        out.log_syncs = log_->syncs();
        out.log_disk_bytes = log_->bytes_on_disk();
        out.turns = turns_;
        out.started_micros = started_.micros;
        return out;
    }

    HttpAnswer answer(const std::string& method, const std::string& path,
                      const std::map<std::string, std::string>& query) {
        if (path == "/status" || path == "/")
            return {200, "application/json",
                    status_json(*replica_, *schema_, config_.name, counters(), now())};
        if (path == "/metrics")
            return {200, "text/plain; version=0.0.4",
                    metrics_text(*replica_, *schema_, config_.name, counters(), now())};
        if (path == "/ranges") {
            const auto given = [&](const char* name) {
                const auto found = query.find(name);
                return found == query.end() ? std::string() : found->second;
            };
            const auto json = ranges_json(*replica_, *schema_, given("table"), given("from"), given("to"));
            if (json.empty()) return {404, "text/plain", "no such table or range\n"};
            return {200, "application/json", json};
        }
        if (path == "/healthz") return {200, "text/plain", "ok\n"};
        // Who balances load should send clients elsewhere for now.
        if (path == "/readyz") {
            const auto why = replica_->not_ready();
            return why.empty() ? HttpAnswer{200, "text/plain", "ok\n"}
                               : HttpAnswer{503, "text/plain", why + "\n"};
        }
        return admin_answer(*this, method, path, query);
    }

    const NodeConfig config_;
    catalog::SchemaPtr schema_;
    asio::io_context context_{1};
    session::Tables tables_;
    std::optional<DataDirectory> directory_;
    std::unique_ptr<replica::Replica> replica_;
    std::unique_ptr<Log> log_;
    std::optional<CheckpointWriter> checkpoints_;
    std::optional<replica::CheckpointPart> finishing_;  // its end waits for the log
    std::optional<Peers> peers_;
    std::optional<Watch> watch_;
    std::optional<Clients> clients_;
    std::optional<Http> http_;
    asio::steady_timer timer_;
    asio::signal_set signals_;
    replica::Outputs outputs_, carried_;
    std::vector<replica::Send> held_;  // wait for the disk
    std::atomic<std::uint64_t> newest_durable_ = 0;
    std::atomic<bool> durable_posted_ = false;
    std::uint64_t durable_ = 0;
    std::uint64_t turns_ = 0;
    std::optional<Instant> armed_;  // what the timer is set to
    Instant started_, space_told_, hand_over_by_, turn_posted_at_;
    Reporter reporter_;
    std::optional<Error> failure_;
    bool turn_posted_ = false, tick_posted_ = false;
    bool turning_ = false, stopping_ = false, mutual_tls_ = false;
};

Result<void> run_node(const NodeConfig& config, catalog::SchemaPtr schema, catalog::Plan plan,
                      replica::StatementAnalyst* analyst) {
    Node node(config, std::move(schema));
    TRY_VOID(node.start(std::move(plan), analyst));
    return node.run();
}

}  // namespace anabranch::io
