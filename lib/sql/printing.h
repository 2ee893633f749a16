// Inside of print.h: the printer's state and what its files share. Nobody else includes this.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/ast.h"

namespace anabranch::sql {

class Printer {
  public:
    std::string take() { return std::move(out_); }

    void raw(std::string_view text) { out_ += text; }
    void name(std::string_view identifier);
    void name(const ast::QualifiedName& name);
    void literal(std::string_view text);
    void names(const std::vector<std::string>& list);           // a, b
    void names(const std::vector<ast::QualifiedName>& list);    // a, s.b
    void in_parentheses(const std::vector<std::string>& list);  // " (a, b)", nothing if empty
    void type(const ast::TypeName& type);
    void statement(const ast::Statement& statement);

    // print_expr.cpp
    void expr(const ast::Expr& expr);
    void operand(const ast::Expr& expr, int level);  // in parentheses if it binds less than `level`
    void tight(const ast::Expr& expr);               // in parentheses unless it is next to an atom
    void exprs(const std::vector<ast::Expr>& list);
    void call(const ast::FunctionCall& call);
    void window(const ast::WindowSpec& window);  // what stands in the parentheses
    void sort_keys(std::string_view before, const std::vector<ast::SortKey>& keys);
    void sort_order(ast::SortDirection direction, ast::NullsOrder nulls);

    // print_query.cpp
    void query(const ast::Query& query);
    void with(const ast::With& with);
    void table(const ast::TableName& table);
    void tables(const std::vector<ast::TableRef>& list);
    void select_items(const std::vector<ast::SelectItem>& items);
    void where(const ast::Box<ast::Expr>& condition);
    void alias(const ast::Alias& alias);
    void index_element(const ast::IndexElement& element);
    void index_elements(const std::vector<ast::IndexElement>& elements);
    void assignments(const std::vector<ast::Assignment>& list);
    void returning(const std::vector<ast::SelectItem>& items);

    // print_schema.cpp
    void constraint(const ast::Constraint& constraint);
    void constraints(const std::vector<ast::Constraint>& list);  // each with a space before it
    void column(const ast::ColumnDef& column);
    void collation(const ast::QualifiedName& name);
    void identity(const ast::Identity& node);
    void routine_body(const ast::CreateRoutine& node);

    // print_session.cpp
    void options(const std::vector<ast::Option>& list);

    // One per alternative of ast::Statement, in print_query.cpp, print_schema.cpp and print_session.cpp.
    void operator()(const ast::Query& node) { query(node); }
    void operator()(const ast::Insert& node);
    void operator()(const ast::Update& node);
    void operator()(const ast::Delete& node);
    void operator()(const ast::Merge& node);
    void operator()(const ast::Call& node);
    void operator()(const ast::CreateTable& node);
    void operator()(const ast::AlterTable& node);
    void operator()(const ast::CreateIndex& node);
    void operator()(const ast::CreateDomain& node);
    void operator()(const ast::AlterDomain& node);
    void operator()(const ast::CreateEnum& node);
    void operator()(const ast::AlterEnum& node);
    void operator()(const ast::CreateComposite& node);
    void operator()(const ast::CreateView& node);
    void operator()(const ast::CreateRoutine& node);
    void operator()(const ast::CreateAssertion& node);
    void operator()(const ast::CreateSchema& node);
    void operator()(const ast::Drop& node);
    void operator()(const ast::Rename& node);
    void operator()(const ast::Transaction& node);
    void operator()(const ast::SetTransaction& node);
    void operator()(const ast::SetVariable& node);
    void operator()(const ast::ResetVariable& node);
    void operator()(const ast::ShowVariable& node);
    void operator()(const ast::SetConstraints& node);
    void operator()(const ast::Explain& node);
    void operator()(const ast::DeclareCursor& node);
    void operator()(const ast::Fetch& node);
    void operator()(const ast::CloseCursor& node);
    void operator()(const ast::Prepare& node);
    void operator()(const ast::Execute& node);
    void operator()(const ast::Deallocate& node);
    void operator()(const ast::Copy& node);
    void operator()(const ast::Listen& node);
    void operator()(const ast::Notify& node);
    void operator()(const ast::Unlisten& node);
    void operator()(const ast::Discard& node);
    void operator()(const ast::Truncate& node);
    void operator()(const ast::Vacuum& node);
    void operator()(const ast::Comment& node);
    void operator()(const ast::Ignored& node);
    void operator()(const ast::Unmodelled& node);

    template <typename T, typename Each>
    void separated(const std::vector<T>& list, std::string_view separator, Each&& each) {
        bool first = true;
        for (const T& item : list) {
            if (!first) raw(separator);
            first = false;
            each(item);
        }
    }

  private:
    std::string out_;
};

}  // namespace anabranch::sql
