// PostgreSQL's protocol for the load client.
#include "node/pgwire/codec.h"
#include "tools/load_client.h"

namespace anabranch::tools {

namespace {

using pgwire::MessageReader;
using pgwire::MessageWriter;

class PostgresConnection final : public LoadConnection {
  public:
    Result<void> open(const LoadOptions& options, std::uint16_t port) override {
        TRY_VOID(connect(options, port));
        std::string out(4, '\0');
        MessageWriter writer(out);
        writer.i32(196608);
        for (const auto& word :
             {std::string("user"), options.user, std::string("database"), options.database})
            writer.text(word);
        writer.i8(0);
        writer.patch32(0, static_cast<std::uint32_t>(out.size()));
        TRY_VOID(write(out));
        TRY_VOID(wait_ready());
        for (const auto& setting : options.settings) TRY_VOID(query(setting));
        for (std::size_t i = 0; i < options.statements.size(); ++i)
            TRY_VOID(prepare(i, options.statements[i]));
        return {};
    }
    Result<void> query(const std::string& sql) {
        std::string out;
        MessageWriter writer(out);
        writer.begin('Q');
        writer.text(sql);
        writer.end();
        TRY_VOID(write(out));
        return wait_ready();
    }
    void add_call(std::string& out, const LoadCall& call) override {
        MessageWriter writer(out);
        writer.begin('B');
        writer.text("");
        writer.text(std::to_string(call.statement));
        writer.i16(0);
        writer.i16(static_cast<std::uint16_t>(call.parameters.size()));
        for (const auto& parameter : call.parameters) {
            writer.i32(static_cast<std::uint32_t>(parameter.size()));
            writer.raw(parameter);
        }
        writer.i16(0);
        writer.end();
        writer.begin('E');
        writer.text("");
        writer.i32(0);
        writer.end();
        pgwire::write_empty(writer, 'S');
    }
    // It ends with ReadyForQuery.
    std::optional<std::string> next_answer() override {
        while (const auto message = next()) {
            if (message->first == 'E') error_ = text_of(message->second);
            if (message->first == 'Z') return std::exchange(error_, {});
        }
        return {};
    }

  private:
    Result<void> prepare(std::size_t number, const std::string& statement) {
        std::string out;
        MessageWriter writer(out);
        writer.begin('P');
        writer.text(std::to_string(number));
        writer.text(statement);
        writer.i16(0);
        writer.end();
        pgwire::write_empty(writer, 'S');
        TRY_VOID(write(out));
        return wait_ready();
    }
    Result<void> wait_ready() {
        for (;;) {
            if (const auto error = next_answer())
                return error->empty() ? Result<void>() : fail(broken(*error));
            if (auto more = fill(); !more) return error_.empty() ? more : fail(broken(error_));
        }
    }
    static std::string text_of(std::string_view body) {
        MessageReader reader(body);
        while (!reader.failed()) {
            const char code = static_cast<char>(reader.i8());
            if (code == 0) break;
            const auto text = reader.text();
            if (code == 'M') return std::string(text);
        }
        return "unknown error";
    }
    std::optional<std::pair<char, std::string_view>> next() {
        const std::string_view in = received();
        if (in.size() < 5) return {};
        const std::size_t size = MessageReader(in.substr(1)).i32();
        if (in.size() < size + 1) return {};
        take(size + 1);
        return std::pair{in[0], in.substr(5, size - 4)};
    }
    std::string error_;
};

}  // namespace

std::unique_ptr<LoadConnection> postgres_connection() {
    return std::make_unique<PostgresConnection>();
}

Result<void> run_all(const LoadOptions& where, const std::vector<std::string>& statements) {
    LoadOptions only = where;
    only.statements.clear();
    PostgresConnection connection;
    TRY_VOID(connection.open(only, where.ports.front()));
    for (const auto& sql : statements) TRY_VOID(connection.query(sql));
    return {};
}

Result<void> run_once(const LoadOptions& where, const std::string& sql) {
    return run_all(where, {sql});
}

}  // namespace anabranch::tools
