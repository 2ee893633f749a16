// What every file that reads the tree would compile anew: copying, moving, destroying and comparing nodes.
#include "lib/sql/ast.h"

namespace anabranch::sql {

template <typename List>
Alternatives<List>::Alternatives() = default;
template <typename List>
Alternatives<List>::Alternatives(const Alternatives&) = default;
template <typename List>
Alternatives<List>::Alternatives(Alternatives&&) noexcept = default;
template <typename List>
Alternatives<List>& Alternatives<List>::operator=(const Alternatives&) = default;
template <typename List>
Alternatives<List>& Alternatives<List>::operator=(Alternatives&&) noexcept = default;
template <typename List>
Alternatives<List>::~Alternatives() = default;

template struct Alternatives<ast::Expr::Nodes>;
template struct Alternatives<ast::TableRef::Nodes>;
template struct Alternatives<ast::Query::Bodies>;
template struct Alternatives<ast::Constraint::Nodes>;
template struct Alternatives<ast::AlterAction::Nodes>;
template struct Alternatives<ast::Statement::Nodes>;

namespace ast {

bool operator==(const Expr&, const Expr&) = default;
bool operator==(const TableRef&, const TableRef&) = default;
bool operator==(const Query&, const Query&) = default;
bool operator==(const Constraint&, const Constraint&) = default;
bool operator==(const AlterAction&, const AlterAction&) = default;
bool operator==(const Statement&, const Statement&) = default;

}  // namespace ast

}  // namespace anabranch::sql
