#include <array>

#include "lib/sql/print.h"
#include "lib/sql/printing.h"

namespace anabranch::sql {
namespace {

std::string modes(const ast::TransactionModes& modes) {
    std::vector<std::string> parts;
    if (!modes.isolation.empty()) parts.push_back("ISOLATION LEVEL " + modes.isolation);
    if (modes.read_only) parts.emplace_back(*modes.read_only ? "READ ONLY" : "READ WRITE");
    if (modes.deferrable) parts.emplace_back(*modes.deferrable ? "DEFERRABLE" : "NOT DEFERRABLE");
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? " " : ", ") + part;
    return out;
}

// a.b stays two words; each is quoted if it must be.
std::string setting_name(std::string_view name) {
    std::string out;
    while (true) {
        const std::size_t dot = name.find('.');
        out += quote_identifier(name.substr(0, dot));
        if (dot == std::string_view::npos) return out;
        out += ".";
        name.remove_prefix(dot + 1);
    }
}

}  // namespace

void Printer::options(const std::vector<ast::Option>& list) {
    if (list.empty()) return;
    raw("(");
    separated(list, ", ", [&](const ast::Option& option) {
        name(option.name);
        if (option.values.empty()) return;
        raw(option.values.size() > 1 ? " (" : " ");
        separated(option.values, ", ", [&](const std::string& value) {
            if (value == "*") return raw("*");
            literal(value);
        });
        if (option.values.size() > 1) raw(")");
    });
    raw(") ");
}

void Printer::operator()(const ast::Transaction& node) {
    using Kind = ast::TransactionKind;
    const std::string chain = node.chain ? " AND CHAIN" : "";
    switch (node.kind) {
        case Kind::Begin:
            return raw((node.start ? "START TRANSACTION" : "BEGIN") + modes(node.modes));
        case Kind::Commit:
            return raw("COMMIT" + chain);
        case Kind::Rollback:
            return raw("ROLLBACK" + chain);
        case Kind::Savepoint:
            return raw("SAVEPOINT " + quote_identifier(node.name));
        case Kind::Release:
            return raw("RELEASE SAVEPOINT " + quote_identifier(node.name));
        case Kind::RollbackTo:
            return raw("ROLLBACK TO SAVEPOINT " + quote_identifier(node.name));
        case Kind::Prepare:
            return raw("PREPARE TRANSACTION " + quote_literal(node.name));
        case Kind::CommitPrepared:
            return raw("COMMIT PREPARED " + quote_literal(node.name));
        case Kind::RollbackPrepared:
            return raw("ROLLBACK PREPARED " + quote_literal(node.name));
    }
}

void Printer::operator()(const ast::SetTransaction& node) {
    if (!node.snapshot.empty()) return raw("SET TRANSACTION SNAPSHOT " + quote_literal(node.snapshot));
    raw(node.session ? "SET SESSION CHARACTERISTICS AS TRANSACTION" : "SET TRANSACTION");
    raw(modes(node.modes));
}

void Printer::operator()(const ast::SetVariable& node) {
    raw(node.local ? "SET LOCAL " : "SET ");
    if (node.from_current) return raw(setting_name(node.name) + " FROM CURRENT");
    // Only this form takes an interval.
    const bool zone = node.name == "timezone" && node.values.size() == 1;
    raw(zone ? "TIME ZONE " : setting_name(node.name) + " TO ");
    if (node.values.empty()) return raw("DEFAULT");
    separated(node.values, ", ", [&](const ast::Expr& value) {
        const auto* cast = std::get_if<ast::Cast>(&value.node);
        if (cast == nullptr) return expr(value);
        // INTERVAL '1' HOUR: the fields come after the string, a precision before it.
        const bool precise = cast->type.modifiers.size() == 2 && cast->type.modifiers[0] == 0x7FFF;
        std::string words = print(cast->type);
        raw(precise ? words + " " : "INTERVAL ");
        expr(*cast->operand);
        if (!precise && words.size() > 8) raw(words.substr(8));
    });
}

void Printer::operator()(const ast::ResetVariable& node) {
    raw("RESET " + (node.name.empty() ? std::string("ALL") : setting_name(node.name)));
}

void Printer::operator()(const ast::ShowVariable& node) {
    raw("SHOW " + (node.name == "all" ? std::string("ALL") : setting_name(node.name)));
}

void Printer::operator()(const ast::SetConstraints& node) {
    raw("SET CONSTRAINTS ");
    if (node.names.empty()) raw("ALL");
    names(node.names);
    raw(node.deferred ? " DEFERRED" : " IMMEDIATE");
}

void Printer::operator()(const ast::Explain& node) {
    raw("EXPLAIN ");
    options(node.options);
    statement(*node.statement);
}

void Printer::operator()(const ast::DeclareCursor& node) {
    raw("DECLARE " + quote_identifier(node.name));
    if (node.binary) raw(" BINARY");
    if (node.insensitive) raw(" INSENSITIVE");
    if (node.scroll) raw(*node.scroll ? " SCROLL" : " NO SCROLL");
    raw(node.hold ? " CURSOR WITH HOLD FOR " : " CURSOR FOR ");
    query(*node.query);
}

void Printer::operator()(const ast::Fetch& node) {
    static constexpr std::array<std::string_view, 4> words = {"FORWARD ", "BACKWARD ", "ABSOLUTE ",
                                                              "RELATIVE "};
    raw(node.move ? "MOVE " : "FETCH ");
    raw(words[static_cast<std::size_t>(node.direction)]);
    raw(node.all ? "ALL" : std::to_string(node.count));
    raw(" FROM " + quote_identifier(node.cursor));
}

void Printer::operator()(const ast::CloseCursor& node) {
    raw("CLOSE " + (node.name.empty() ? std::string("ALL") : quote_identifier(node.name)));
}

void Printer::operator()(const ast::Prepare& node) {
    raw("PREPARE " + quote_identifier(node.name));
    if (!node.types.empty()) {
        raw(" (");
        separated(node.types, ", ", [&](const ast::TypeName& one) { type(one); });
        raw(")");
    }
    raw(" AS ");
    statement(*node.statement);
}

void Printer::operator()(const ast::Execute& node) {
    raw("EXECUTE " + quote_identifier(node.name));
    if (node.arguments.empty()) return;
    raw(" (");
    exprs(node.arguments);
    raw(")");
}

void Printer::operator()(const ast::Deallocate& node) {
    raw("DEALLOCATE " + (node.name.empty() ? std::string("ALL") : quote_identifier(node.name)));
}

void Printer::operator()(const ast::Copy& node) {
    raw("COPY ");
    if (node.table) {
        name(node.table->name);
        in_parentheses(node.columns);
    } else {
        raw("(");
        statement(*node.query);
        raw(")");
    }
    raw(node.from ? " FROM " : " TO ");
    if (node.program) raw("PROGRAM ");
    if (node.file.empty()) {
        raw(node.from ? "STDIN" : "STDOUT");
    } else {
        literal(node.file);
    }
    if (!node.options.empty()) raw(" WITH ");
    options(node.options);
    where(node.where);
}

void Printer::operator()(const ast::Listen& node) {
    raw("LISTEN " + quote_identifier(node.channel));
}

void Printer::operator()(const ast::Notify& node) {
    raw("NOTIFY " + quote_identifier(node.channel));
    if (!node.payload.empty()) raw(", " + quote_literal(node.payload));
}

void Printer::operator()(const ast::Unlisten& node) {
    raw("UNLISTEN " + (node.channel.empty() ? std::string("*") : quote_identifier(node.channel)));
}

void Printer::operator()(const ast::Discard& node) {
    static constexpr std::array<std::string_view, 4> words = {"ALL", "PLANS", "SEQUENCES", "TEMPORARY"};
    raw("DISCARD ");
    raw(words[static_cast<std::size_t>(node.kind)]);
}

void Printer::operator()(const ast::Truncate& node) {
    raw("TRUNCATE ");
    names(node.tables);
    if (node.restart_identity) raw(" RESTART IDENTITY");
    if (node.cascade) raw(" CASCADE");
}

void Printer::operator()(const ast::Vacuum& node) {
    raw(node.analyze_only ? "ANALYZE" : "VACUUM");
    if (!node.tables.empty()) raw(" ");
    names(node.tables);
}

}  // namespace anabranch::sql
