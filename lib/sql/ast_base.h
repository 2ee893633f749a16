// What all syntax nodes share: owning pointers, identifiers, type names. See ast.h for the tree itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/alternatives.h"

namespace anabranch::sql::ast {

// An owning pointer with the manners of a value: copying copies the tree below, == compares the trees. It may
// be null, which means "absent" where a field's comment says so; all other boxes of a tree made by the parser
// hold a node.
template <typename T>
class Box {
  public:
    Box() = default;
    Box(T value) : node_(std::make_unique<T>(std::move(value))) {}
    Box(const Box& other) : node_(other.node_ ? std::make_unique<T>(*other.node_) : nullptr) {}
    Box(Box&&) noexcept = default;
    Box& operator=(const Box& other) {
        if (this != &other) node_ = other.node_ ? std::make_unique<T>(*other.node_) : nullptr;
        return *this;
    }
    Box& operator=(Box&&) noexcept = default;
    ~Box() = default;

    explicit operator bool() const { return node_ != nullptr; }
    T& operator*() { return *node_; }
    const T& operator*() const { return *node_; }
    T* operator->() { return node_.get(); }
    const T* operator->() const { return node_.get(); }

    friend bool operator==(const Box& left, const Box& right) {
        if (!left.node_ || !right.node_) return !left.node_ && !right.node_;
        return *left.node_ == *right.node_;
    }

  private:
    std::unique_ptr<T> node_;
};

// The place of a node. Places never make two trees different: a tree printed and parsed again is equal to
// itself. `offset` is where PostgreSQL reports an error about the node (an operator's is its sign, not its
// left operand), in bytes of the whole source text. `size` is that of the token there, or of the whole
// statement for statements; 0 when not known.
struct At {
    Span span;
    friend constexpr bool operator==(const At&, const At&) { return true; }
};

// An identifier as PostgreSQL sees it: folded to lower case unless it was quoted.
struct Identifier : At {
    std::string text;
    friend bool operator==(const Identifier&, const Identifier&) = default;
};

// A possibly qualified name; `schema` is empty when none was written. For types, functions, operators and
// collations the schema pg_catalog is dropped, so that `pg_catalog.int4`, `int` and `int4` are one name;
// relations keep it.
struct QualifiedName : At {
    std::string schema;
    std::string name;
    friend bool operator==(const QualifiedName&, const QualifiedName&) = default;
    std::string describe() const { return schema.empty() ? name : schema + "." + name; }
};

// A type as written. `name` is PostgreSQL's internal name for the standard spellings: int4, int8, numeric,
// bpchar (char), varchar, float8, timestamptz, ...; the quoted type "char" is `char`. `modifiers` are the
// numbers in parentheses; an interval's are PostgreSQL's field mask and then the precision. Bounds of array
// dimensions mean nothing in PostgreSQL and are dropped.
struct TypeName : At {
    QualifiedName name;
    std::vector<std::int32_t> modifiers;
    std::vector<std::string> word_modifiers;  // geography(point, 4326): words, which no type of ours has
    std::uint32_t array_dimensions = 0;
    bool set_of = false;     // RETURNS SETOF
    bool of_column = false;  // table.column%TYPE; `name` is then table (schema) and column (name)
    friend bool operator==(const TypeName&, const TypeName&) = default;
};

// A construct that PostgreSQL has and this dialect has not. The tree stays whole around it; whoever needs its
// meaning refuses with 0A000, this name and this place.
struct Unsupported {
    std::string what;  // "GROUPING SETS", "TABLESAMPLE", ...
    friend bool operator==(const Unsupported&, const Unsupported&) = default;
};

}  // namespace anabranch::sql::ast
