#include "node/pgwire/startup.h"

namespace anabranch::pgwire {

namespace {

constexpr std::uint32_t protocol_3_0 = 196608;
constexpr std::uint32_t code_cancel = 80877102;
constexpr std::uint32_t code_ssl = 80877103;
constexpr std::uint32_t code_gss = 80877104;
constexpr std::string_view mechanism = "SCRAM-SHA-256";

Error violation(std::string what) {
    return Error::make(sqlstate::protocol_violation, std::move(what));
}

void authentication(std::string& out, std::uint32_t code, std::string_view data) {
    MessageWriter m(out);
    m.begin('R');
    m.i32(code);
    m.raw(data);
    m.end();
}

}  // namespace

Startup::Step Startup::step(std::string_view& in, std::string& out) {
    for (;;) {
        const auto done = scram_ ? password(in, out) : packet(in, out);
        if (done) return *done;
    }
}

std::optional<Startup::Step> Startup::packet(std::string_view& in, std::string& out) {
    if (in.size() < 8) return Step::more;
    const std::uint32_t size = MessageReader(in).i32();
    if (size < 8 || size > options_.bytes_max) return refuse(violation("invalid length of startup packet"));
    if (in.size() < size) return Step::more;
    MessageReader body(in.substr(4, size - 4));
    in.remove_prefix(size);
    const std::uint32_t code = body.i32();
    if (code == code_ssl && options_.tls && !encrypted_) {
        // Somebody in the middle could have put them there, to be taken for what comes encrypted.
        if (!in.empty()) return refuse(violation("received unencrypted data after SSL request"));
        out.push_back('S');
        return Step::tls;
    }
    if (code == code_ssl || code == code_gss) {
        out.push_back('N');
        return {};
    }
    if (code == code_cancel) {
        cancel_.pid = body.i32();
        cancel_.secret = body.i32();
        return Step::cancelled;
    }
    if (code >> 16 != protocol_3_0 >> 16)
        return refuse(Error::make(sqlstate::feature_not_supported,
                                  "unsupported frontend protocol " + std::to_string(code >> 16) + "." +
                                      std::to_string(code & 0xffff) + ": this server speaks 3.0"));
    return start(body, code, out);
}

std::optional<Startup::Step> Startup::start(MessageReader& body, std::uint32_t code, std::string& out) {
    while (!body.failed()) {
        const std::string name(body.text());
        if (name.empty()) break;
        const std::string value(body.text());
        if (name == "user")
            user_ = value;
        else if (name == "database")
            database_ = value;
        else
            settings_.emplace_back(name, value);
    }
    if (body.failed() || !body.done())
        return refuse(violation("invalid startup packet layout: expected terminator as last byte"));
    if (user_.empty())
        return refuse(Error::make("28000", "no PostgreSQL user name specified in startup packet"));
    if (database_.empty()) database_ = user_;
    if (options_.refusal) return refuse(*options_.refusal);
    if (options_.tls_required && !encrypted_)
        return refuse(Error::make("28000", "this server takes encrypted connections only")
                          .with_hint("Connect with sslmode=require or verify-full."));
    if (code != protocol_3_0) negotiate(out);
    if (options_.users == nullptr) return Step::admitted;
    scram_.emplace(options_.users->secret_of(user_), options_.nonce);
    authentication(out, 10, std::string(mechanism) + std::string(2, '\0'));
    return {};
}

// One SASLInitialResponse or SASLResponse.
std::optional<Startup::Step> Startup::password(std::string_view& in, std::string& out) {
    if (in.size() < 5) return Step::more;
    const std::uint32_t size = MessageReader(in.substr(1)).i32();
    if (in[0] != 'p' || size < 4 || size > options_.bytes_max)
        return refuse(violation("expected a SASL response"));
    if (in.size() < std::size_t{size} + 1) return Step::more;
    const auto message = in.substr(5, size - 4);
    in.remove_prefix(std::size_t{size} + 1);
    std::string_view data = message;
    if (!answered_) {
        MessageReader body(message);
        const auto chosen = body.text();
        data = body.raw(body.i32());
        if (body.failed() || !body.done() || chosen != mechanism)
            return refuse(violation("client selected an invalid SASL authentication mechanism"));
    }
    const auto answer = answered_ ? scram_->final(data) : scram_->first(data);
    if (!answer) {
        Error error = answer.error();
        if (error.sqlstate == "28P01") error.message += " for user \"" + user_ + "\"";
        return refuse(std::move(error));
    }
    authentication(out, answered_ ? 12 : 11, *answer);
    if (std::exchange(answered_, true)) return Step::admitted;
    return {};
}

// NegotiateProtocolVersion: a newer minor version, or _pq_ options, are answered with what is spoken here.
void Startup::negotiate(std::string& out) const {
    std::vector<std::string_view> unknown;
    for (const auto& [name, value] : settings_)
        if (name.starts_with("_pq_.")) unknown.push_back(name);
    MessageWriter m(out);
    m.begin('v');
    m.i32(0);
    m.i32(static_cast<std::uint32_t>(unknown.size()));
    for (const auto name : unknown) m.text(name);
    m.end();
}

}  // namespace anabranch::pgwire
