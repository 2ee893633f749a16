// What a session begins with, SET, RESET and SHOW.
#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/sql/datetime.h"
#include "lib/sql/time_zone.h"
#include "node/session/backend.h"
#include "node/session/utility.h"

namespace anabranch::session {

namespace ast = sql::ast;
using pgwire::Outcome;

namespace {

constexpr std::pair<const char*, const char*> own_defaults[] = {
    {"anabranch.order_timeout", "5s"}, {"anabranch.durability", "disk"},   {"anabranch.session", ""},
    {"anabranch.read", "local"},       {"anabranch.ordered", "committed"}, {"anabranch.on_refusal", ""},
    {"anabranch.request_id", ""}};

// Settings in the words of a server's command line, as libpq's PGOPTIONS has them: -c name=value,
// --name=value. A backslash keeps a blank in a word.
std::vector<std::pair<std::string, std::string>> command_line(std::string_view text) {
    std::vector<std::string> words(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ' ')
            words.emplace_back();
        else
            words.back() += text[i] == '\\' && i + 1 < text.size() ? text[++i] : text[i];
    }
    std::vector<std::pair<std::string, std::string>> out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string word = words[i];
        if (word == "-c" && i + 1 < words.size())
            word = words[++i];
        else if (word.starts_with("-c") || word.starts_with("--"))
            word.erase(0, 2);
        const auto equals = word.find('=');
        if (equals == std::string::npos) continue;
        std::string name = word.substr(0, equals);
        std::replace(name.begin(), name.end(), '-', '_');
        out.emplace_back(std::move(name), word.substr(equals + 1));
    }
    return out;
}

// The value of a SET: its literals joined as PostgreSQL joins lists.
std::string value_text(const std::vector<ast::Expr>& values) {
    std::string out;
    for (const auto& value : values) {
        if (!out.empty()) out += ", ";
        const auto* expression = &value;
        while (const auto* cast = std::get_if<ast::Cast>(&expression->node)) expression = &*cast->operand;
        const auto* literal = std::get_if<ast::Literal>(&expression->node);
        if (literal == nullptr) continue;
        if (const auto* text = std::get_if<std::string>(&literal->value))
            out += *text;
        else if (const auto* integer = std::get_if<std::int64_t>(&literal->value))
            out += std::to_string(*integer);
        else if (const auto* number = std::get_if<ast::Number>(&literal->value))
            out += number->text;
        else if (const auto* boolean = std::get_if<bool>(&literal->value))
            out += *boolean ? "on" : "off";
    }
    return out;
}

// SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE
bool is_interval(const ast::Expr& value) {
    const auto* cast = std::get_if<ast::Cast>(&value.node);
    return cast != nullptr && cast->type.name.name == "interval";
}

}  // namespace

Result<void> Backend::connect(const std::string& user, const std::string& database,
                              const std::vector<std::pair<std::string, std::string>>& settings) {
    if (refusal_) return std::unexpected(*refusal_);
    user_ = user;
    database_ = database;
    for (const auto& [name, value] : host_.defaults()) TRY_VOID(settings_.set_default(name, value));
    (void)settings_.set("session_authorization", user);
    const auto begin_with = [&](const std::string& name, const std::string& value) -> Result<void> {
        return name.starts_with("anabranch.") ? host_.replica().set(session_, name, value)
                                              : settings_.set_default(name, value);
    };
    for (const auto& [name, value] : settings) {
        if (name.starts_with("_pq_.") || name == "replication") continue;
        if (name != "options") {
            TRY_VOID(begin_with(name, value));
            continue;
        }
        for (const auto& [option, given] : command_line(value)) TRY_VOID(begin_with(option, given));
    }
    (void)settings_.take_announcements();  // all are told when it begins
    return {};
}

Result<Outcome> Backend::set(const ast::SetVariable& statement) {
    if (statement.values.empty()) {
        TRY(auto outcome, reset(statement.name));
        outcome.tag = "SET";
        return outcome;
    }
    std::string value = value_text(statement.values);
    Outcome out{"SET", {}, {}};
    if (statement.name == "timezone" && is_interval(statement.values[0])) {
        TRY(const auto east, sql::parse_interval(value));
        value = sql::TimeZone::at_offset(east.micros / sql::micros_per_second).name();
    }
    if (statement.name.starts_with("anabranch.")) {
        TRY_VOID(host_.replica().set(session_, statement.name, value));
        return out;
    }
    if (!statement.local) {
        TRY_VOID(settings_.set(statement.name, value));
        return out;
    }
    if (host_.replica().block(session_) == replica::Block::none) warn_outside(out, "SET LOCAL");
    TRY_VOID(settings_.set_local(statement.name, value));
    return out;
}

Result<Outcome> Backend::reset(const std::string& name) {
    Outcome out{"RESET", {}, {}};
    const auto reset_own = [&](const std::string& own, const std::string& value) {
        return host_.replica().set(session_, own, value);
    };
    if (name.empty()) {
        settings_.reset_all();
        (void)settings_.set("session_authorization", user_);
        for (const auto& [own, value] : own_defaults) TRY_VOID(reset_own(own, value));
        return out;
    }
    if (!name.starts_with("anabranch.")) {
        settings_.reset(name);
        return out;
    }
    const auto found = std::find_if(std::begin(own_defaults), std::end(own_defaults),
                                    [&](const auto& known) { return known.first == name; });
    TRY_VOID(reset_own(name, found == std::end(own_defaults) ? "" : found->second));
    return out;
}

Result<Outcome> Backend::show(const std::string& name, exec::RowSink& sink) {
    if (name == "all") {
        for (const auto& [key, value] : settings_.all()) {
            const sql::Datum row[] = {sql::Datum::bytes(key), sql::Datum::bytes(value),
                                      sql::Datum::bytes("")};
            sink.row(row);
        }
        return Outcome{"SHOW", {}, {}};
    }
    const auto value =
        name.starts_with("anabranch.") ? host_.replica().setting(session_, name) : settings_.get(name);
    if (!value) return fail("42704", "unrecognized configuration parameter \"" + name + "\"");
    const sql::Datum row = sql::Datum::bytes(*value);
    sink.row({&row, 1});
    return Outcome{"SHOW", {}, {}};
}

}  // namespace anabranch::session
