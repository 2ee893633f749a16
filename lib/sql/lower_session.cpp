#include <limits>

#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using Lowered = ast::Statement::Node;

ast::TransactionModes lower_modes(ParseNode options) {
    ast::TransactionModes out;
    for (std::size_t i = 0; i < options.size(); ++i) {
        const ParseNode option = options[i].body();
        const std::string_view name = option.text("defname");
        const ParseNode constant = option.get("arg").body();
        if (name == "transaction_isolation") out.isolation = constant.get("sval").text("sval");
        if (name == "transaction_read_only") out.read_only = constant.get("ival").integer("ival") != 0;
        if (name == "transaction_deferrable") out.deferrable = constant.get("ival").integer("ival") != 0;
    }
    return out;
}

Lowered transaction(Lowering&, ParseNode node, Span) {
    struct Named {
        std::string_view name;
        ast::TransactionKind kind;
    };
    using Kind = ast::TransactionKind;
    static constexpr Named kinds[] = {
        {"TRANS_STMT_BEGIN", Kind::Begin},
        {"TRANS_STMT_START", Kind::Begin},
        {"TRANS_STMT_COMMIT", Kind::Commit},
        {"TRANS_STMT_ROLLBACK", Kind::Rollback},
        {"TRANS_STMT_SAVEPOINT", Kind::Savepoint},
        {"TRANS_STMT_RELEASE", Kind::Release},
        {"TRANS_STMT_ROLLBACK_TO", Kind::RollbackTo},
        {"TRANS_STMT_PREPARE", Kind::Prepare},
        {"TRANS_STMT_COMMIT_PREPARED", Kind::CommitPrepared},
        {"TRANS_STMT_ROLLBACK_PREPARED", Kind::RollbackPrepared},
    };
    ast::Transaction out;
    const std::string_view kind = node.text("kind");
    for (const Named& entry : kinds) {
        if (entry.name == kind) out.kind = entry.kind;
    }
    out.start = kind == "TRANS_STMT_START";
    out.modes = lower_modes(node.get("options"));
    out.name = node.has("gid") ? node.text("gid") : node.text("savepoint_name");
    out.chain = node.flag("chain");
    return out;
}

Lowered set(Lowering& l, ParseNode node, Span) {
    const std::string_view kind = node.text("kind");
    const std::string name(node.text("name"));
    const ParseNode arguments = node.get("args");
    if (kind == "VAR_RESET" || kind == "VAR_RESET_ALL")
        return ast::ResetVariable{kind == "VAR_RESET" ? name : ""};
    if (kind == "VAR_SET_MULTI") {
        ast::SetTransaction out;
        out.session = name == "SESSION CHARACTERISTICS";
        if (name == "TRANSACTION SNAPSHOT") {
            out.snapshot = arguments[0].body().get("sval").text("sval");
        } else {
            out.modes = lower_modes(arguments);
        }
        return out;
    }
    ast::SetVariable out;
    out.name = name;
    out.values = lower_exprs(l, arguments);
    out.local = node.flag("is_local");
    out.from_current = kind == "VAR_SET_CURRENT";
    return out;
}

Lowered show(Lowering&, ParseNode node, Span) {
    return ast::ShowVariable{std::string(node.text("name"))};
}

Lowered set_constraints(Lowering& l, ParseNode node, Span) {
    ast::SetConstraints out;
    const ParseNode names = node.get("constraints");
    for (std::size_t i = 0; i < names.size(); ++i)
        out.names.push_back(lower_relation_name(l, names[i].body()));
    out.deferred = node.flag("deferred");
    return out;
}

std::vector<ast::Option> lower_options(Lowering& l, ParseNode list) {
    std::vector<ast::Option> out;
    for (std::size_t i = 0; i < list.size(); ++i) out.push_back(lower_option(l, list[i].body()));
    return out;
}

// EXPLAIN, PREPARE and COPY wrap another statement, whose place is taken to be theirs.
Lowered explain(Lowering& l, ParseNode node, Span span) {
    ast::Explain out;
    out.options = lower_options(l, node.get("options"));
    out.statement = lower_boxed_statement(l, node.get("query"), span);
    return out;
}

Lowered declare_cursor(Lowering& l, ParseNode node, Span span) {
    ast::DeclareCursor out;
    const std::int64_t options = node.integer("options");
    out.name = node.text("portalname");
    out.binary = (options & 0x1) != 0;
    if ((options & 0x2) != 0) out.scroll = true;
    if ((options & 0x4) != 0) out.scroll = false;
    out.insensitive = (options & 0x8) != 0;
    out.hold = (options & 0x20) != 0;
    out.query = lower_wrapped_query(l, node.get("query"), span);
    return out;
}

Lowered fetch(Lowering&, ParseNode node, Span) {
    ast::Fetch out;
    out.cursor = node.text("portalname");
    out.count = node.integer("howMany");
    out.move = node.flag("ismove");
    const std::string_view direction = node.text("direction");
    out.direction = direction == "FETCH_BACKWARD"   ? ast::FetchDirection::Backward
                    : direction == "FETCH_ABSOLUTE" ? ast::FetchDirection::Absolute
                    : direction == "FETCH_RELATIVE" ? ast::FetchDirection::Relative
                                                    : ast::FetchDirection::Forward;
    out.all = out.count == std::numeric_limits<std::int64_t>::max();
    if (out.all) out.count = 0;
    return out;
}

Lowered close_cursor(Lowering&, ParseNode node, Span) {
    return ast::CloseCursor{std::string(node.text("portalname"))};
}

Lowered prepare(Lowering& l, ParseNode node, Span span) {
    ast::Prepare out;
    out.name = node.text("name");
    const ParseNode types = node.get("argtypes");
    for (std::size_t i = 0; i < types.size(); ++i) out.types.push_back(lower_type(l, types[i].body()));
    out.statement = lower_boxed_statement(l, node.get("query"), span);
    return out;
}

Lowered execute(Lowering& l, ParseNode node, Span) {
    return ast::Execute{std::string(node.text("name")), lower_exprs(l, node.get("params"))};
}

Lowered deallocate(Lowering&, ParseNode node, Span) {
    return ast::Deallocate{std::string(node.text("name"))};
}

Lowered copy(Lowering& l, ParseNode node, Span span) {
    ast::Copy out;
    if (const ParseNode table = node.get("relation")) out.table = lower_table_name(l, table);
    if (const ParseNode query = node.get("query")) out.query = lower_boxed_statement(l, query, span);
    out.columns = lower_strings(node.get("attlist"));
    out.from = node.flag("is_from");
    out.program = node.flag("is_program");
    out.file = node.text("filename");
    out.options = lower_options(l, node.get("options"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    return out;
}

Lowered listen(Lowering&, ParseNode node, Span) {
    return ast::Listen{std::string(node.text("conditionname"))};
}
Lowered unlisten(Lowering&, ParseNode node, Span) {
    return ast::Unlisten{std::string(node.text("conditionname"))};
}
Lowered notify(Lowering&, ParseNode node, Span) {
    return ast::Notify{std::string(node.text("conditionname")), std::string(node.text("payload"))};
}

Lowered discard(Lowering&, ParseNode node, Span) {
    const std::string_view target = node.text("target");
    return ast::Discard{target == "DISCARD_PLANS"       ? ast::DiscardKind::Plans
                        : target == "DISCARD_SEQUENCES" ? ast::DiscardKind::Sequences
                        : target == "DISCARD_TEMP"      ? ast::DiscardKind::Temporary
                                                        : ast::DiscardKind::All};
}

Lowered truncate(Lowering& l, ParseNode node, Span) {
    ast::Truncate out;
    const ParseNode tables = node.get("relations");
    for (std::size_t i = 0; i < tables.size(); ++i)
        out.tables.push_back(lower_relation_name(l, tables[i].body()));
    out.restart_identity = node.flag("restart_seqs");
    out.cascade = node.text("behavior") == "DROP_CASCADE";
    return out;
}

Lowered vacuum(Lowering& l, ParseNode node, Span) {
    ast::Vacuum out;
    out.analyze_only = !node.flag("is_vacuumcmd");
    const ParseNode tables = node.get("rels");
    for (std::size_t i = 0; i < tables.size(); ++i) {
        out.tables.push_back(lower_relation_name(l, tables[i].body().get("relation")));
    }
    return out;
}

}  // namespace

StatementLowering find_session_lowering(std::string_view kind) {
    struct Entry {
        std::string_view kind;
        StatementLowering lower;
    };
    static constexpr Entry entries[] = {
        {"TransactionStmt", transaction},
        {"VariableSetStmt", set},
        {"VariableShowStmt", show},
        {"ConstraintsSetStmt", set_constraints},
        {"ExplainStmt", explain},
        {"DeclareCursorStmt", declare_cursor},
        {"FetchStmt", fetch},
        {"ClosePortalStmt", close_cursor},
        {"PrepareStmt", prepare},
        {"ExecuteStmt", execute},
        {"DeallocateStmt", deallocate},
        {"CopyStmt", copy},
        {"ListenStmt", listen},
        {"NotifyStmt", notify},
        {"UnlistenStmt", unlisten},
        {"DiscardStmt", discard},
        {"TruncateStmt", truncate},
        {"VacuumStmt", vacuum},
    };
    for (const Entry& entry : entries) {
        if (entry.kind == kind) return entry.lower;
    }
    return nullptr;
}

}  // namespace anabranch::sql
