#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using ast::Constraint;
using Lowered = ast::Statement::Node;

ast::ReferenceAction lower_action(std::string_view letter) {
    if (letter == "r") return ast::ReferenceAction::Restrict;
    if (letter == "c") return ast::ReferenceAction::Cascade;
    if (letter == "n") return ast::ReferenceAction::SetNull;
    if (letter == "d") return ast::ReferenceAction::SetDefault;
    return ast::ReferenceAction::NoAction;
}

std::int64_t option_number(Lowering& l, ParseNode def_elem) {
    const ParseNode value = def_elem.get("arg");
    if (value.kind() == "Integer") return l.integer(value.body(), def_elem);
    return std::strtoll(std::string(value.body().text("fval")).c_str(), nullptr, 10);
}

ast::Identity lower_identity(Lowering& l, ParseNode node) {
    ast::Identity out;
    out.always = node.text("generated_when") == "a";
    const ParseNode options = node.get("options");
    for (std::size_t i = 0; i < options.size(); ++i) {
        const ParseNode option = options[i].body();
        if (option.text("defname") == "start") out.start = option_number(l, option);
        if (option.text("defname") == "increment") out.increment = option_number(l, option);
    }
    return out;
}

ast::Key lower_key(ParseNode node, bool primary) {
    ast::Key out;
    out.primary = primary;
    out.columns = lower_strings(node.get("keys"));
    out.include = lower_strings(node.get("including"));
    out.using_index = node.text("indexname");
    out.nulls_not_distinct = node.flag("nulls_not_distinct");
    return out;
}

ast::ForeignKey lower_foreign_key(Lowering& l, ParseNode node) {
    ast::ForeignKey out;
    out.columns = lower_strings(node.get("fk_attrs"));
    out.table = lower_relation_name(l, node.get("pktable"));
    out.referenced = lower_strings(node.get("pk_attrs"));
    const std::string_view match = node.text("fk_matchtype");
    out.match = match == "f"   ? ast::ReferenceMatch::Full
                : match == "p" ? ast::ReferenceMatch::Partial
                               : ast::ReferenceMatch::Simple;
    out.on_update = lower_action(node.text("fk_upd_action"));
    out.on_delete = lower_action(node.text("fk_del_action"));
    out.set_columns = lower_strings(node.get("fk_del_set_cols"));
    return out;
}

ast::Exclude lower_exclude(Lowering& l, ParseNode node) {
    ast::Exclude out;
    out.method = node.text("access_method");
    const ParseNode elements = node.get("exclusions");
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const ParseNode pair = elements[i].body().get("items");
        ast::ExcludeElement element;
        element.element = lower_index_element(l, pair[0]);
        element.op = lower_name(l, pair[1].body().get("items"), l.span(node));
        out.elements.push_back(std::move(element));
    }
    out.include = lower_strings(node.get("including"));
    out.where = lower_optional_expr(l, node.get("where_clause"));
    return out;
}

// Folds DEFERRABLE and the like, which the grammar leaves as constraints of their own, into the constraint
// before them.
void fold_attribute(Lowering& l, std::string_view kind, Span span, std::vector<Constraint>& constraints) {
    const bool takes =
        !constraints.empty() && (std::holds_alternative<ast::Key>(constraints.back().node) ||
                                 std::holds_alternative<ast::ForeignKey>(constraints.back().node) ||
                                 std::holds_alternative<ast::Exclude>(constraints.back().node));
    if (!takes) {
        const std::string clause = kind == "CONSTR_ATTR_DEFERRABLE"       ? "DEFERRABLE"
                                   : kind == "CONSTR_ATTR_NOT_DEFERRABLE" ? "NOT DEFERRABLE"
                                   : kind == "CONSTR_ATTR_DEFERRED"       ? "INITIALLY DEFERRED"
                                                                          : "INITIALLY IMMEDIATE";
        l.fail(Error::make(sqlstate::syntax_error, "misplaced " + clause + " clause")
                   .with_hint("It belongs after PRIMARY KEY, UNIQUE, REFERENCES or EXCLUDE.")
                   .with_span(span));
        return;
    }
    Constraint& last = constraints.back();
    if (kind == "CONSTR_ATTR_DEFERRABLE") last.deferrable = true;
    if (kind == "CONSTR_ATTR_NOT_DEFERRABLE") {
        if (last.initially_deferred) {
            l.fail(span, sqlstate::syntax_error, "constraint declared INITIALLY DEFERRED must be DEFERRABLE");
        }
        last.deferrable = false;
    }
    if (kind == "CONSTR_ATTR_DEFERRED") last.deferrable = last.initially_deferred = true;
}

void add_column_or_constraint(Lowering& l, ParseNode wrapped, ast::CreateTable& out) {
    const ParseNode node = wrapped.body();
    if (wrapped.kind() == "ColumnDef") {
        out.columns.push_back(lower_column(l, node));
    } else if (wrapped.kind() == "Constraint") {
        out.constraints.push_back(lower_constraint(l, node));
    } else if (wrapped.kind() == "TableLikeClause") {
        ast::LikeTable like;
        like.table = lower_relation_name(l, node.get("relation"));
        like.span = like.table.span;
        like.options = static_cast<std::uint32_t>(node.integer("options"));
        out.like.push_back(std::move(like));
    }
}

Lowered create_table(Lowering& l, ParseNode node, Span) {
    ast::CreateTable out;
    const ParseNode relation = node.get("relation");
    out.name = lower_relation_name(l, relation);
    out.if_not_exists = node.flag("if_not_exists");
    out.temporary = relation.text("relpersistence") == "t";
    out.unlogged = relation.text("relpersistence") == "u";
    const ParseNode elements = node.get("tableElts");
    for (std::size_t i = 0; i < elements.size(); ++i) add_column_or_constraint(l, elements[i], out);
    const ParseNode parents = node.get("inhRelations");
    if (node.has("partbound")) {
        out.partition_of = lower_relation_name(l, parents[0].body());
    } else {
        for (std::size_t i = 0; i < parents.size(); ++i)
            out.inherits.push_back(lower_relation_name(l, parents[i].body()));
    }
    if (const ParseNode type = node.get("ofTypename")) out.of_type = lower_type(l, type).name;
    out.partition_by = node.get("partspec").text("strategy");
    return out;
}

ast::AlterAction::Node lower_add_constraint(Lowering& l, ParseNode node) {
    return ast::AddConstraint{lower_constraint(l, node.get("def").body())};
}

ast::AlterAction::Node lower_column_action(Lowering& l, std::string_view kind, ParseNode node) {
    const std::string name(node.text("name"));
    const ParseNode def = node.get("def");
    const bool cascade = node.text("behavior") == "DROP_CASCADE";
    const bool missing_ok = node.flag("missing_ok");
    if (kind == "AT_AddColumn") return ast::AddColumn{lower_column(l, def.body()), missing_ok};
    if (kind == "AT_DropColumn") return ast::DropColumn{name, missing_ok, cascade};
    if (kind == "AT_ColumnDefault") return ast::SetColumnDefault{name, lower_optional_expr(l, def)};
    if (kind == "AT_SetNotNull") return ast::SetColumnNotNull{name, true};
    if (kind == "AT_DropNotNull") return ast::SetColumnNotNull{name, false};
    if (kind == "AT_AddIdentity") return ast::AddIdentity{name, lower_identity(l, def.body())};
    if (kind == "AT_DropIdentity") return ast::DropIdentity{name, false, missing_ok};
    if (kind == "AT_DropExpression") return ast::DropIdentity{name, true, missing_ok};
    // AT_AlterColumnType
    return ast::SetColumnType{name, lower_type(l, def.body().get("typeName")),
                              lower_optional_expr(l, def.body().get("raw_default"))};
}

bool is_column_action(std::string_view kind) {
    static constexpr std::string_view all[] = {"AT_AddColumn",    "AT_DropColumn",     "AT_ColumnDefault",
                                               "AT_SetNotNull",   "AT_DropNotNull",    "AT_AddIdentity",
                                               "AT_DropIdentity", "AT_DropExpression", "AT_AlterColumnType"};
    for (const std::string_view one : all) {
        if (one == kind) return true;
    }
    return false;
}

// AT_SetRelOptions -> SET REL OPTIONS: good enough to be recognised by a reader.
std::string spaced(std::string_view kind) {
    if (kind.starts_with("AT_")) kind.remove_prefix(3);
    std::string out;
    for (std::size_t i = 0; i < kind.size(); ++i) {
        const bool upper = kind[i] >= 'A' && kind[i] <= 'Z';
        if (i > 0 && upper && !(kind[i - 1] >= 'A' && kind[i - 1] <= 'Z')) out += ' ';
        out += upper ? kind[i] : static_cast<char>(kind[i] - 'a' + 'A');
    }
    return out;
}

ast::AlterAction::Node lower_alter_action(Lowering& l, ParseNode node) {
    const std::string_view kind = node.text("subtype");
    const ParseNode def = node.get("def").body();
    if (is_column_action(kind)) return lower_column_action(l, kind, node);
    if (kind == "AT_AddConstraint") return lower_add_constraint(l, node);
    if (kind == "AT_DropConstraint") {
        return ast::DropConstraint{std::string(node.text("name")), node.flag("missing_ok"),
                                   node.text("behavior") == "DROP_CASCADE"};
    }
    if (kind == "AT_ValidateConstraint") return ast::ValidateConstraint{std::string(node.text("name"))};
    if (kind == "AT_AlterConstraint") {
        return ast::AlterConstraint{std::string(def.text("conname")), def.flag("deferrable"),
                                    def.flag("initdeferred")};
    }
    if (kind == "AT_AttachPartition") return ast::AttachPartition{lower_relation_name(l, def.get("name"))};
    if (kind == "AT_DetachPartition") return ast::DetachPartition{lower_relation_name(l, def.get("name"))};
    static constexpr std::string_view not_modelled[] = {"Trig", "Rule", "Inherit", "Of", "RowSecurity"};
    const bool trigger = kind.find("Trig") != kind.npos;
    for (const std::string_view part : not_modelled) {
        if (trigger || kind.ends_with(part)) return ast::UnmodelledAlter{spaced(kind)};
    }
    return ast::IgnoredAlter{spaced(kind)};
}

Lowered alter_table(Lowering& l, ParseNode node, Span) {
    const std::string_view object = node.text("objtype");
    const ParseNode commands = node.get("cmds");
    if (object != "OBJECT_TABLE") {
        bool only_owner = true;
        for (std::size_t i = 0; i < commands.size(); ++i) {
            only_owner = only_owner && commands[i].body().text("subtype") == "AT_ChangeOwner";
        }
        const std::string what = "ALTER " + lower_object_word(object);
        const bool silent = only_owner || object == "OBJECT_INDEX" || object == "OBJECT_SEQUENCE";
        if (silent) return ast::Ignored{what};
        return ast::Unmodelled{what, lower_relation_name(l, node.get("relation")), {}};
    }
    ast::AlterTable out;
    out.table = lower_relation_name(l, node.get("relation"));
    out.if_exists = node.flag("missing_ok");
    out.only = !node.get("relation").flag("inh");
    for (std::size_t i = 0; i < commands.size(); ++i) {
        const ParseNode command = commands[i].body();
        ast::AlterAction action;
        action.node = lower_alter_action(l, command);
        action.span = l.span(command.get("def").body());
        if (!command.has("def")) action.span = out.table.span;
        out.actions.push_back(std::move(action));
    }
    return out;
}

Lowered create_index(Lowering& l, ParseNode node, Span) {
    ast::CreateIndex out;
    out.name = node.text("idxname");
    out.table = lower_relation_name(l, node.get("relation"));
    out.unique = node.flag("unique");
    out.if_not_exists = node.flag("if_not_exists");
    out.only = !node.get("relation").flag("inh");
    out.nulls_not_distinct = node.flag("nulls_not_distinct");
    out.method = node.text("accessMethod");
    const ParseNode elements = node.get("indexParams");
    for (std::size_t i = 0; i < elements.size(); ++i)
        out.elements.push_back(lower_index_element(l, elements[i]));
    const ParseNode included = node.get("indexIncludingParams");
    for (std::size_t i = 0; i < included.size(); ++i)
        out.include.emplace_back(included[i].body().text("name"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    return out;
}

}  // namespace

Constraint lower_constraint(Lowering& l, ParseNode node) {
    Constraint out;
    out.span = l.span(node);
    out.name = node.text("conname");
    out.deferrable = node.flag("deferrable");
    out.initially_deferred = node.flag("initdeferred");
    out.not_valid = node.flag("skip_validation");
    const std::string_view kind = node.text("contype");
    if (kind == "CONSTR_NOTNULL") {
        out.node = ast::NotNull{};
    } else if (kind == "CONSTR_NULL") {
        out.node = ast::Nullable{};
    } else if (kind == "CONSTR_DEFAULT") {
        out.node = ast::Default{lower_expr(l, node.get("raw_expr"))};
    } else if (kind == "CONSTR_IDENTITY") {
        out.node = lower_identity(l, node);
    } else if (kind == "CONSTR_GENERATED") {
        out.node = ast::Generated{lower_expr(l, node.get("raw_expr"))};
    } else if (kind == "CONSTR_CHECK") {
        out.node = ast::Check{lower_expr(l, node.get("raw_expr")), node.flag("is_no_inherit")};
    } else if (kind == "CONSTR_PRIMARY" || kind == "CONSTR_UNIQUE") {
        out.node = lower_key(node, kind == "CONSTR_PRIMARY");
    } else if (kind == "CONSTR_FOREIGN") {
        out.node = lower_foreign_key(l, node);
    } else if (kind == "CONSTR_EXCLUSION") {
        out.node = lower_exclude(l, node);
    } else {
        l.fail(out.span, sqlstate::feature_not_supported,
               "constraint of an unknown kind " + std::string(kind));
    }
    return out;
}

std::vector<Constraint> lower_constraints(Lowering& l, ParseNode list) {
    std::vector<Constraint> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        if (node.text("contype").starts_with("CONSTR_ATTR_")) {
            fold_attribute(l, node.text("contype"), l.span(node), out);
        } else if (node) {
            out.push_back(lower_constraint(l, node));
        }
    }
    return out;
}

ast::ColumnDef lower_column(Lowering& l, ParseNode node) {
    ast::ColumnDef out;
    out.span = l.span(node);
    out.name = node.text("colname");
    if (const ParseNode type = node.get("typeName")) out.type = lower_type(l, type);
    out.collation = lower_collation(l, node.get("collClause"));
    out.constraints = lower_constraints(l, node.get("constraints"));
    return out;
}

StatementLowering find_table_lowering(std::string_view kind) {
    if (kind == "CreateStmt") return create_table;
    if (kind == "AlterTableStmt") return alter_table;
    if (kind == "IndexStmt") return create_index;
    return nullptr;
}

}  // namespace anabranch::sql
