#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

struct Word {
    std::string_view kind;
    std::string_view what;
};

// Statements without meaning for invariants and transactions.
constexpr Word ignored[] = {
    {"GrantStmt", "GRANT"},
    {"GrantRoleStmt", "GRANT"},
    {"AlterDefaultPrivilegesStmt", "ALTER DEFAULT PRIVILEGES"},
    {"AlterOwnerStmt", "OWNER"},
    {"CreateSeqStmt", "SEQUENCE"},
    {"AlterSeqStmt", "SEQUENCE"},
    {"CreateExtensionStmt", "EXTENSION"},
    {"AlterExtensionStmt", "EXTENSION"},
    {"AlterExtensionContentsStmt", "EXTENSION"},
    {"CreateRoleStmt", "ROLE"},
    {"AlterRoleStmt", "ROLE"},
    {"AlterRoleSetStmt", "ROLE"},
    {"DropRoleStmt", "ROLE"},
    {"DropOwnedStmt", "ROLE"},
    {"ReassignOwnedStmt", "ROLE"},
    {"CreatedbStmt", "DATABASE"},
    {"AlterDatabaseStmt", "DATABASE"},
    {"AlterDatabaseSetStmt", "DATABASE"},
    {"AlterDatabaseRefreshCollStmt", "DATABASE"},
    {"DropdbStmt", "DATABASE"},
    {"CreateTableSpaceStmt", "TABLESPACE"},
    {"DropTableSpaceStmt", "TABLESPACE"},
    {"AlterTableSpaceOptionsStmt", "TABLESPACE"},
    {"AlterTableMoveAllStmt", "TABLESPACE"},
    {"AlterSystemStmt", "ALTER SYSTEM"},
    {"ClusterStmt", "CLUSTER"},
    {"ReindexStmt", "REINDEX"},
    {"CheckPointStmt", "CHECKPOINT"},
    {"RefreshMatViewStmt", "REFRESH MATERIALIZED VIEW"},
    {"CreateStatsStmt", "STATISTICS"},
    {"AlterStatsStmt", "STATISTICS"},
    {"SecLabelStmt", "SECURITY LABEL"},
    {"CreatePLangStmt", "LANGUAGE"},
    {"CreateConversionStmt", "CONVERSION"},
    {"AlterCollationStmt", "COLLATION"},
    {"AlterTSDictionaryStmt", "TEXT SEARCH"},
    {"AlterTSConfigurationStmt", "TEXT SEARCH"},
    {"CreatePublicationStmt", "PUBLICATION"},
    {"AlterPublicationStmt", "PUBLICATION"},
    {"CreateSubscriptionStmt", "SUBSCRIPTION"},
    {"AlterSubscriptionStmt", "SUBSCRIPTION"},
    {"DropSubscriptionStmt", "SUBSCRIPTION"},
    {"CreateFdwStmt", "FOREIGN DATA WRAPPER"},
    {"AlterFdwStmt", "FOREIGN DATA WRAPPER"},
    {"CreateForeignServerStmt", "SERVER"},
    {"AlterForeignServerStmt", "SERVER"},
    {"CreateUserMappingStmt", "USER MAPPING"},
    {"AlterUserMappingStmt", "USER MAPPING"},
    {"DropUserMappingStmt", "USER MAPPING"},
    {"AlterObjectDependsStmt", "DEPENDS ON EXTENSION"},
};

constexpr Word unmodelled[] = {
    {"CreateTrigStmt", "TRIGGER"},
    {"CreateEventTrigStmt", "EVENT TRIGGER"},
    {"AlterEventTrigStmt", "EVENT TRIGGER"},
    {"RuleStmt", "RULE"},
    {"CreatePolicyStmt", "POLICY"},
    {"AlterPolicyStmt", "POLICY"},
    {"DoStmt", "DO"},
    {"CreateForeignTableStmt", "FOREIGN TABLE"},
    {"ImportForeignSchemaStmt", "IMPORT FOREIGN SCHEMA"},
    {"CreateRangeStmt", "RANGE TYPE"},
    {"CreateCastStmt", "CAST"},
    {"CreateTransformStmt", "TRANSFORM"},
    {"CreateOpClassStmt", "OPERATOR CLASS"},
    {"CreateOpFamilyStmt", "OPERATOR FAMILY"},
    {"AlterOpFamilyStmt", "OPERATOR FAMILY"},
    {"AlterOperatorStmt", "OPERATOR"},
    {"AlterTypeStmt", "ALTER TYPE"},
    {"AlterFunctionStmt", "ALTER FUNCTION"},
    {"CreateAmStmt", "ACCESS METHOD"},
    {"LockStmt", "LOCK TABLE"},
    {"LoadStmt", "LOAD"},
};

std::string_view find(const Word* begin, const Word* end, std::string_view kind) {
    for (const Word* word = begin; word != end; ++word) {
        if (word->kind == kind) return word->what;
    }
    return {};
}

ast::QualifiedName own_name(Lowering& l, ParseNode node, Span span) {
    for (const char* field : {"trigname", "rulename", "policy_name", "fdwname", "relname"}) {
        if (!node.has(field)) continue;
        ast::QualifiedName out;
        out.span = span;
        out.name = node.text(field);
        return out;
    }
    for (const char* field : {"typeName", "defnames", "funcname", "opclassname", "opfamilyname"}) {
        if (node.get(field).size() > 0) return lower_name(l, node.get(field), span);
    }
    if (const ParseNode function = node.get("func")) return lower_name(l, function.get("objname"), span);
    return {};
}

}  // namespace

ast::Statement::Node lower_other(Lowering& l, std::string_view kind, ParseNode node, Span span) {
    if (const std::string_view what = find(std::begin(ignored), std::end(ignored), kind); !what.empty()) {
        return ast::Ignored{std::string(what)};
    }
    if (kind == "CreateTableAsStmt") {
        const bool view = node.text("objtype") == "OBJECT_MATVIEW";
        return ast::Unmodelled{view ? "MATERIALIZED VIEW" : "CREATE TABLE AS",
                               lower_relation_name(l, node.get("into").get("rel")),
                               {}};
    }
    if (kind == "CreateForeignTableStmt") {
        return ast::Unmodelled{"FOREIGN TABLE", lower_relation_name(l, node.get("base").get("relation")), {}};
    }
    if (kind == "DefineStmt") {
        const std::string what = lower_object_word(node.text("kind"));
        if (what == "COLLATION" || what.starts_with("TS")) return ast::Ignored{what};
        return ast::Unmodelled{what, lower_name(l, node.get("defnames"), span), {}};
    }
    ast::Unmodelled out;
    out.what = find(std::begin(unmodelled), std::end(unmodelled), kind);
    if (out.what.empty()) out.what = kind.ends_with("Stmt") ? kind.substr(0, kind.size() - 4) : kind;
    const ParseNode relation = node.get(kind.ends_with("PolicyStmt") ? "table" : "relation");
    if (relation) out.table = lower_relation_name(l, relation);
    if (kind != "CreateTrigStmt") {
        out.name = own_name(l, node, span);
    } else {
        out.name.name = node.text("trigname");
        out.name.span = span;
    }
    return out;
}

}  // namespace anabranch::sql
