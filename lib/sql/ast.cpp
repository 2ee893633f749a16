// What every file that reads the tree would compile anew: copying, moving, destroying and comparing a node is
// a jump table over all its alternatives.
#include "lib/sql/ast.h"

namespace anabranch::sql::ast {

Expr::Node::Node() = default;
Expr::Node::Node(const Node&) = default;
Expr::Node::Node(Node&&) noexcept = default;
Expr::Node& Expr::Node::operator=(const Node&) = default;
Expr::Node& Expr::Node::operator=(Node&&) noexcept = default;
Expr::Node::~Node() = default;

TableRef::Node::Node() = default;
TableRef::Node::Node(const Node&) = default;
TableRef::Node::Node(Node&&) noexcept = default;
TableRef::Node& TableRef::Node::operator=(const Node&) = default;
TableRef::Node& TableRef::Node::operator=(Node&&) noexcept = default;
TableRef::Node::~Node() = default;

Query::Body::Body() = default;
Query::Body::Body(const Body&) = default;
Query::Body::Body(Body&&) noexcept = default;
Query::Body& Query::Body::operator=(const Body&) = default;
Query::Body& Query::Body::operator=(Body&&) noexcept = default;
Query::Body::~Body() = default;

Constraint::Node::Node() = default;
Constraint::Node::Node(const Node&) = default;
Constraint::Node::Node(Node&&) noexcept = default;
Constraint::Node& Constraint::Node::operator=(const Node&) = default;
Constraint::Node& Constraint::Node::operator=(Node&&) noexcept = default;
Constraint::Node::~Node() = default;

AlterAction::Node::Node() = default;
AlterAction::Node::Node(const Node&) = default;
AlterAction::Node::Node(Node&&) noexcept = default;
AlterAction::Node& AlterAction::Node::operator=(const Node&) = default;
AlterAction::Node& AlterAction::Node::operator=(Node&&) noexcept = default;
AlterAction::Node::~Node() = default;

Statement::Node::Node() = default;
Statement::Node::Node(const Node&) = default;
Statement::Node::Node(Node&&) noexcept = default;
Statement::Node& Statement::Node::operator=(const Node&) = default;
Statement::Node& Statement::Node::operator=(Node&&) noexcept = default;
Statement::Node::~Node() = default;

bool operator==(const Expr&, const Expr&) = default;
bool operator==(const TableRef&, const TableRef&) = default;
bool operator==(const Query&, const Query&) = default;
bool operator==(const Constraint&, const Constraint&) = default;
bool operator==(const AlterAction&, const AlterAction&) = default;
bool operator==(const Statement&, const Statement&) = default;

}  // namespace anabranch::sql::ast
