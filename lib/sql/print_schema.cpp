#include <array>

#include "lib/sql/print.h"
#include "lib/sql/printing.h"

namespace anabranch::sql {
namespace {

std::string_view word(ast::ReferenceAction action) {
    static constexpr std::array<std::string_view, 5> words = {"NO ACTION", "RESTRICT", "CASCADE", "SET NULL",
                                                              "SET DEFAULT"};
    return words[static_cast<std::size_t>(action)];
}

class ConstraintPrinter {
  public:
    explicit ConstraintPrinter(Printer& p) : p_(p) {}

    void operator()(const ast::NotNull&) const { p_.raw("NOT NULL"); }
    void operator()(const ast::Nullable&) const { p_.raw("NULL"); }
    void operator()(const ast::Default& node) const {
        p_.raw("DEFAULT ");
        p_.tight(node.value);
    }
    void operator()(const ast::Identity& node) const { p_.identity(node); }
    void operator()(const ast::Generated& node) const {
        p_.raw("GENERATED ALWAYS AS (");
        p_.expr(node.value);
        p_.raw(") STORED");
    }
    void operator()(const ast::Check& node) const {
        p_.raw("CHECK (");
        p_.expr(node.condition);
        p_.raw(node.no_inherit ? ") NO INHERIT" : ")");
    }
    void operator()(const ast::Key& node) const {
        p_.raw(node.primary ? "PRIMARY KEY" : "UNIQUE");
        if (!node.using_index.empty()) return p_.raw(" USING INDEX " + quote_identifier(node.using_index));
        if (node.nulls_not_distinct) p_.raw(" NULLS NOT DISTINCT");
        p_.in_parentheses(node.columns);
        if (!node.include.empty()) p_.raw(" INCLUDE");
        p_.in_parentheses(node.include);
    }
    void operator()(const ast::ForeignKey& node) const {
        if (!node.columns.empty()) {
            p_.raw("FOREIGN KEY");
            p_.in_parentheses(node.columns);
            p_.raw(" ");
        }
        p_.raw("REFERENCES ");
        p_.name(node.table);
        p_.in_parentheses(node.referenced);
        if (node.match == ast::ReferenceMatch::Full) p_.raw(" MATCH FULL");
        if (node.match == ast::ReferenceMatch::Partial) p_.raw(" MATCH PARTIAL");
        if (node.on_update != ast::ReferenceAction::NoAction)
            p_.raw(" ON UPDATE " + std::string(word(node.on_update)));
        if (node.on_delete != ast::ReferenceAction::NoAction)
            p_.raw(" ON DELETE " + std::string(word(node.on_delete)));
        p_.in_parentheses(node.set_columns);
    }
    void operator()(const ast::Exclude& node) const {
        p_.raw("EXCLUDE USING " + quote_identifier(node.method) + " (");
        p_.separated(node.elements, ", ", [&](const ast::ExcludeElement& element) {
            p_.index_element(element.element);
            p_.raw(" WITH ");
            p_.raw(element.op.schema.empty()
                       ? element.op.name
                       : "OPERATOR(" + quote_identifier(element.op.schema) + "." + element.op.name + ")");
        });
        p_.raw(")");
        if (!node.include.empty()) p_.raw(" INCLUDE");
        p_.in_parentheses(node.include);
        if (!node.where) return;
        p_.raw(" WHERE (");
        p_.expr(*node.where);
        p_.raw(")");
    }

  private:
    Printer& p_;
};

class AlterPrinter {
  public:
    explicit AlterPrinter(Printer& p) : p_(p) {}

    void operator()(const ast::AddColumn& node) const {
        p_.raw(node.if_not_exists ? "ADD COLUMN IF NOT EXISTS " : "ADD COLUMN ");
        p_.column(node.column);
    }
    void operator()(const ast::DropColumn& node) const {
        drop("DROP COLUMN ", node.column, node.if_exists, node.cascade);
    }
    void operator()(const ast::AddConstraint& node) const {
        p_.raw("ADD ");
        p_.constraint(node.constraint);
    }
    void operator()(const ast::DropConstraint& node) const {
        drop("DROP CONSTRAINT ", node.constraint, node.if_exists, node.cascade);
    }
    void operator()(const ast::ValidateConstraint& node) const {
        p_.raw("VALIDATE CONSTRAINT " + quote_identifier(node.constraint));
    }
    void operator()(const ast::AlterConstraint& node) const {
        p_.raw("ALTER CONSTRAINT " + quote_identifier(node.constraint));
        if (node.deferrable) p_.raw(" DEFERRABLE");
        if (node.initially_deferred) p_.raw(" INITIALLY DEFERRED");
    }
    void operator()(const ast::SetColumnDefault& node) const {
        alter(node.column);
        p_.raw(node.value ? "SET DEFAULT " : "DROP DEFAULT");
        if (node.value) p_.expr(*node.value);
    }
    void operator()(const ast::SetColumnNotNull& node) const {
        alter(node.column);
        p_.raw(node.not_null ? "SET NOT NULL" : "DROP NOT NULL");
    }
    void operator()(const ast::SetColumnType& node) const {
        alter(node.column);
        p_.raw("TYPE ");
        p_.type(node.type);
        if (!node.using_expr) return;
        p_.raw(" USING ");
        p_.expr(*node.using_expr);
    }
    void operator()(const ast::AddIdentity& node) const {
        alter(node.column);
        p_.raw("ADD ");
        p_.identity(node.identity);
    }
    void operator()(const ast::DropIdentity& node) const {
        alter(node.column);
        p_.raw(node.expression ? "DROP EXPRESSION" : "DROP IDENTITY");
        if (node.if_exists) p_.raw(" IF EXISTS");
    }
    void operator()(const ast::AttachPartition& node) const {
        p_.raw("ATTACH PARTITION ");
        p_.name(node.partition);
        p_.raw(" DEFAULT");
    }
    void operator()(const ast::DetachPartition& node) const {
        p_.raw("DETACH PARTITION ");
        p_.name(node.partition);
    }
    void operator()(const ast::IgnoredAlter& node) const { p_.raw("/* " + node.what + " */"); }
    void operator()(const ast::UnmodelledAlter& node) const { p_.raw("/* " + node.what + " */"); }

  private:
    void alter(const std::string& column) const { p_.raw("ALTER COLUMN " + quote_identifier(column) + " "); }
    void drop(std::string_view words, const std::string& what, bool if_exists, bool cascade) const {
        p_.raw(words);
        p_.raw(if_exists ? "IF EXISTS " : "");
        p_.name(what);
        p_.raw(cascade ? " CASCADE" : "");
    }

    Printer& p_;
};

// $$text$$ with a tag that does not occur in the text.
std::string dollar_quoted(const std::string& text) {
    std::string tag = "$$";
    for (int i = 1; text.find(tag) != std::string::npos || (tag == "$$" && text.ends_with('$')); ++i)
        tag = "$body" + std::to_string(i) + "$";
    return tag + text + tag;
}

void parameter(Printer& p, const ast::RoutineParameter& node) {
    static constexpr std::array<std::string_view, 5> words = {"", "OUT ", "INOUT ", "VARIADIC ", ""};
    p.raw(words[static_cast<std::size_t>(node.mode)]);
    if (!node.name.empty()) p.raw(quote_identifier(node.name) + " ");
    p.type(node.type);
    if (!node.default_value) return;
    p.raw(" DEFAULT ");
    p.expr(*node.default_value);
}

}  // namespace

void Printer::collation(const ast::QualifiedName& collation) {
    if (collation.name.empty()) return;
    raw(" COLLATE ");
    name(collation);
}

void Printer::identity(const ast::Identity& node) {
    raw(node.always ? "GENERATED ALWAYS AS IDENTITY" : "GENERATED BY DEFAULT AS IDENTITY");
    if (!node.start && !node.increment) return;
    raw(" (");
    if (node.start) raw("START WITH " + std::to_string(*node.start));
    if (node.start && node.increment) raw(" ");
    if (node.increment) raw("INCREMENT BY " + std::to_string(*node.increment));
    raw(")");
}

void Printer::constraint(const ast::Constraint& constraint) {
    if (!constraint.name.empty()) raw("CONSTRAINT " + quote_identifier(constraint.name) + " ");
    std::visit(ConstraintPrinter(*this), constraint.node);
    if (constraint.deferrable) raw(" DEFERRABLE");
    if (constraint.initially_deferred) raw(" INITIALLY DEFERRED");
    if (constraint.not_valid) raw(" NOT VALID");
}

void Printer::constraints(const std::vector<ast::Constraint>& list) {
    for (const ast::Constraint& one : list) {
        raw(" ");
        constraint(one);
    }
}

void Printer::column(const ast::ColumnDef& column) {
    name(column.name);
    if (!column.type.name.name.empty()) {
        raw(" ");
        type(column.type);
    }
    collation(column.collation);
    constraints(column.constraints);
}

void Printer::operator()(const ast::CreateTable& node) {
    raw(node.temporary  ? "CREATE TEMPORARY TABLE "
        : node.unlogged ? "CREATE UNLOGGED TABLE "
                        : "CREATE TABLE ");
    if (node.if_not_exists) raw("IF NOT EXISTS ");
    name(node.name);
    const bool partition = !node.partition_of.name.empty();
    const bool typed = !node.of_type.name.empty();
    if (partition) raw(" PARTITION OF ");
    if (partition) name(node.partition_of);
    if (typed) raw(" OF ");
    if (typed) name(node.of_type);
    const bool empty = node.columns.empty() && node.constraints.empty() && node.like.empty();
    if (!empty || (!partition && !typed)) {
        bool first = true;
        const auto separate = [&] {
            raw(first ? "" : ", ");
            first = false;
        };
        raw(" (");
        for (const ast::ColumnDef& one : node.columns) {
            separate();
            column(one);
        }
        for (const ast::LikeTable& like : node.like) {
            separate();
            raw("LIKE ");
            name(like.table);
            raw(like.options == 0 ? "" : " INCLUDING ALL");
        }
        for (const ast::Constraint& one : node.constraints) {
            separate();
            constraint(one);
        }
        raw(")");
    }
    if (partition) raw(" DEFAULT");
    if (!node.inherits.empty()) {
        raw(" INHERITS (");
        names(node.inherits);
        raw(")");
    }
    if (!node.partition_by.empty()) raw(" PARTITION BY " + node.partition_by + " ((NULL))");
}

void Printer::operator()(const ast::AlterTable& node) {
    raw("ALTER TABLE ");
    if (node.if_exists) raw("IF EXISTS ");
    if (node.only) raw("ONLY ");
    name(node.table);
    raw(" ");
    separated(node.actions, ", ",
              [&](const ast::AlterAction& action) { std::visit(AlterPrinter(*this), action.node); });
}

void Printer::operator()(const ast::CreateIndex& node) {
    raw(node.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    if (node.if_not_exists) raw("IF NOT EXISTS ");
    if (!node.name.empty()) raw(quote_identifier(node.name) + " ");
    raw(node.only ? "ON ONLY " : "ON ");
    name(node.table);
    raw(" USING " + quote_identifier(node.method) + " ");
    index_elements(node.elements);
    if (!node.include.empty()) raw(" INCLUDE");
    in_parentheses(node.include);
    if (node.nulls_not_distinct) raw(" NULLS NOT DISTINCT");
    where(node.where);
}

void Printer::operator()(const ast::CreateDomain& node) {
    raw("CREATE DOMAIN ");
    name(node.name);
    raw(" AS ");
    type(node.type);
    collation(node.collation);
    constraints(node.constraints);
}

void Printer::operator()(const ast::AlterDomain& node) {
    raw("ALTER DOMAIN ");
    name(node.name);
    if (node.add) {
        raw(" ADD ");
        constraint(*node.add);
    }
    if (!node.drop_constraint.empty()) {
        raw(node.if_exists ? " DROP CONSTRAINT IF EXISTS " : " DROP CONSTRAINT ");
        name(node.drop_constraint);
    }
    if (!node.validate.empty()) raw(" VALIDATE CONSTRAINT " + quote_identifier(node.validate));
    if (node.not_null) raw(*node.not_null ? " SET NOT NULL" : " DROP NOT NULL");
    if (!node.sets_default) return;
    raw(node.default_value ? " SET DEFAULT " : " DROP DEFAULT");
    if (node.default_value) expr(*node.default_value);
}

void Printer::operator()(const ast::CreateEnum& node) {
    raw("CREATE TYPE ");
    name(node.name);
    raw(" AS ENUM (");
    separated(node.labels, ", ", [&](const std::string& label) { literal(label); });
    raw(")");
}

void Printer::operator()(const ast::AlterEnum& node) {
    raw("ALTER TYPE ");
    name(node.name);
    if (!node.old_label.empty()) {
        return raw(" RENAME VALUE " + quote_literal(node.old_label) + " TO " + quote_literal(node.label));
    }
    raw(node.if_not_exists ? " ADD VALUE IF NOT EXISTS " : " ADD VALUE ");
    literal(node.label);
    if (!node.neighbor.empty()) raw((node.after ? " AFTER " : " BEFORE ") + quote_literal(node.neighbor));
}

void Printer::operator()(const ast::CreateComposite& node) {
    raw("CREATE TYPE ");
    name(node.name);
    raw(" AS (");
    separated(node.columns, ", ", [&](const ast::ColumnDefinition& one) {
        name(one.name);
        raw(" ");
        type(one.type);
        collation(one.collation);
    });
    raw(")");
}

void Printer::operator()(const ast::CreateView& node) {
    raw(node.replace ? "CREATE OR REPLACE " : "CREATE ");
    raw(node.temporary ? "TEMPORARY VIEW " : "VIEW ");
    name(node.name);
    in_parentheses(node.columns);
    raw(" AS ");
    query(*node.query);
    if (node.check_option) raw(" WITH CHECK OPTION");
}

void Printer::operator()(const ast::CreateRoutine& node) {
    raw(node.replace ? "CREATE OR REPLACE " : "CREATE ");
    raw(node.kind == ast::RoutineKind::Procedure ? "PROCEDURE " : "FUNCTION ");
    name(node.name);
    std::vector<ast::RoutineParameter> inputs;
    std::vector<ast::RoutineParameter> columns;
    for (const ast::RoutineParameter& one : node.parameters) {
        (one.mode == ast::ParameterMode::Table ? columns : inputs).push_back(one);
    }
    raw("(");
    separated(inputs, ", ", [&](const ast::RoutineParameter& one) { parameter(*this, one); });
    raw(")");
    if (node.returns_table) {
        raw(" RETURNS TABLE (");
        separated(columns, ", ", [&](const ast::RoutineParameter& one) { parameter(*this, one); });
        raw(")");
    }
    if (node.returns) {
        raw(" RETURNS ");
        type(*node.returns);
    }
    raw(" LANGUAGE " + quote_identifier(node.language));
    if (node.volatility == ast::Volatility::Stable) raw(" STABLE");
    if (node.volatility == ast::Volatility::Immutable) raw(" IMMUTABLE");
    if (node.strict) raw(" STRICT");
    if (node.security_definer) raw(" SECURITY DEFINER");
    for (const ast::RoutineSetting& setting : node.settings) {
        ast::SetVariable set;
        set.name = setting.name;
        set.values = setting.values;
        raw(" ");
        (*this)(set);
    }
    raw(" ");
    routine_body(node);
}

void Printer::routine_body(const ast::CreateRoutine& node) {
    if (const auto* value = std::get_if<ast::ReturnBody>(&node.body)) {
        raw("RETURN ");
        return expr(value->value);
    }
    if (const auto* skipped = std::get_if<ast::Skipped>(&node.body))
        return raw("AS " + dollar_quoted(skipped->text));
    const auto& body = std::get<ast::SqlBody>(node.body);
    std::string text;
    for (const ast::Statement& one : body.statements) text += print(one) + "; ";
    raw(body.quoted ? "AS " + dollar_quoted(text) : "BEGIN ATOMIC " + text + "END");
}

void Printer::operator()(const ast::CreateAssertion& node) {
    raw("CREATE ASSERTION ");
    name(node.name);
    raw(" CHECK (");
    expr(node.condition);
    raw(")");
    if (node.deferrable) raw(" DEFERRABLE");
    if (node.initially_deferred) raw(" INITIALLY DEFERRED");
}

void Printer::operator()(const ast::CreateSchema& node) {
    raw(node.if_not_exists ? "CREATE SCHEMA IF NOT EXISTS " : "CREATE SCHEMA ");
    if (node.name.empty()) {
        raw("AUTHORIZATION CURRENT_USER");
    } else {
        name(node.name);
    }
    for (const ast::Statement& element : node.elements) {
        raw(" ");
        statement(element);
    }
}

void Printer::operator()(const ast::Drop& node) {
    raw("DROP " + node.object + (node.if_exists ? " IF EXISTS " : " "));
    names(node.names);
    if (!node.of_table.name.empty()) {
        raw(" ON ");
        name(node.of_table);
    }
    if (node.cascade) raw(" CASCADE");
}

void Printer::operator()(const ast::Rename& node) {
    const bool of_table = node.object == "COLUMN" || node.object == "CONSTRAINT";
    const bool of_domain = node.object == "DOMAIN CONSTRAINT";
    const bool of_type = node.object == "ATTRIBUTE";
    const bool on_table = node.object == "TRIGGER" || node.object == "RULE" || node.object == "POLICY";
    raw("ALTER ");
    raw(of_table ? "TABLE" : of_domain ? "DOMAIN" : of_type ? "TYPE" : std::string_view(node.object));
    raw(node.if_exists ? " IF EXISTS " : " ");
    if (on_table) raw(quote_identifier(node.member) + " ON ");
    name(node.name);
    if (node.set_schema) return raw(" SET SCHEMA " + quote_identifier(node.new_name));
    raw(" RENAME ");
    if (!node.member.empty() && !on_table) {
        raw(of_domain ? "CONSTRAINT" : std::string_view(node.object));
        raw(" " + quote_identifier(node.member) + " ");
    }
    raw("TO " + quote_identifier(node.new_name));
}

void Printer::operator()(const ast::Comment& node) {
    raw("COMMENT ON " + node.object + " ");
    if (node.object == "CONSTRAINT") raw(quote_identifier(node.member) + " ON ");
    name(node.name);
    if (node.object == "COLUMN") raw("." + quote_identifier(node.member));
    raw(" IS " + (node.text ? quote_literal(*node.text) : "NULL"));
}

void Printer::operator()(const ast::Ignored& node) {
    raw("/* " + node.what + " */");
}
void Printer::operator()(const ast::Unmodelled& node) {
    raw("/* " + node.what + " */");
}

}  // namespace anabranch::sql
