// One replica without peers or disk, and wire sessions over the real engine: what a node is, in one process.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "lib/catalog/load.h"
#include "node/pgwire/codec.h"
#include "node/pgwire/session.h"
#include "node/session/backend.h"

namespace anabranch::test {

// Everything is written to the log in no time, and every statement that writes may run.
class Host final : public session::Host, public replica::StatementAnalyst {
  public:
    explicit Host(const std::string& schema_text) {
        const catalog::ScriptFile file{"test.sql", schema_text};
        auto loaded = catalog::load({&file, 1}, {});
        if (loaded.schema == nullptr) throw std::runtime_error(loaded.rendered_errors);
        schema_ = loaded.schema;
        catalog::Plan plan;
        plan.schema_hash = schema_->hash;
        for (const auto& transaction : schema_->transactions)
            plan.transactions.push_back(
                {transaction.name,
                 transaction.read_only ? catalog::Route::read_only : catalog::Route::free,
                 {},
                 {}});
        tables_ = std::make_unique<session::Tables>(schema_);
        replica::Options options;
        options.name = "a";
        options.id = ReplicaId{7};
        replica_ = std::make_unique<replica::Replica>(schema_, plan, options, Random(1), this, tables_.get());
        tables_->attach(replica_.get());
        if (auto started = replica_->start(now(), outputs_); !started)
            throw std::runtime_error(started.error().message);
        turn();
    }

    Instant now() override { return Instant{now_ += 1000}; }
    replica::Outputs& outputs() override { return outputs_; }
    replica::Replica& replica() override { return *replica_; }
    session::Tables& tables() override { return *tables_; }
    const catalog::SchemaPtr& schema() const override { return schema_; }
    Result<catalog::Route> route_of(const std::string&, std::span<const sql::Type>) override {
        return catalog::Route::free;
    }
    void running(std::uint64_t, Duration) override {}
    bool stopped() override { return false; }
    const std::vector<std::pair<std::string, std::string>>& defaults() const override { return defaults_; }
    session::StatementCache& cache() { return cache_; }

    // What a shell does after every event; the newest durable ticket.
    std::uint64_t turn() {
        while (!outputs_.empty()) {
            const replica::Outputs batch = std::move(outputs_);
            outputs_.clear();
            for (const auto& output : batch)
                if (const auto* persist = std::get_if<replica::Persist>(&output)) durable_ = persist->ticket;
            replica_->step(replica::Persisted{durable_}, now(), outputs_);
        }
        return durable_;
    }

  private:
    catalog::SchemaPtr schema_;
    std::unique_ptr<session::Tables> tables_;
    std::unique_ptr<replica::Replica> replica_;
    replica::Outputs outputs_;
    session::StatementCache cache_;
    std::vector<std::pair<std::string, std::string>> defaults_;
    std::int64_t now_ = 1'700'000'000'000'000;
    std::uint64_t durable_ = 0;
};

// Whole messages of known types, and nothing behind them.
inline bool well_formed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (bytes.size() < 5) return false;
        const std::size_t size = pgwire::MessageReader(bytes.substr(1)).i32();
        if (size < 4 || size + 1 > bytes.size()) return false;
        if (std::string_view("RSKZEN123tTDCInsGHdcvA").find(bytes[0]) == std::string_view::npos) return false;
        bytes.remove_prefix(size + 1);
    }
    return true;
}

// A client connection.
class Client {
  public:
    Client(Host& host, std::uint64_t number)
        : host_(host), backend_(host, host.cache(), number), session_(backend_, {}) {
        std::string start("\0\3\0\0user\0app\0\0", 14);
        send(std::string("\0\0\0\x12", 4) + start);
    }
    // What came back, once everything that was written is durable.
    std::string send(std::string_view bytes) {
        session_.receive(bytes);
        session_.durable(host_.turn());
        return session_.take_output();
    }
    bool ended() const { return session_.wants_close(); }

  private:
    Host& host_;
    session::Backend backend_;
    pgwire::Session session_;
};

}  // namespace anabranch::test
