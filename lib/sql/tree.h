// PostgreSQL's parse tree as libpg_query writes it, for reading only: a cursor over JSON whose getters never
// fail.
//
// Every node is an object with one key, its kind; fields with default values are left out, so that a missing
// field reads as "", 0, false or an empty list. An empty list, or a null in a list, is `{}`.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace anabranch::sql {

// A place in a tree, or nowhere. Valid while its ParseTree lives.
class ParseNode {
  public:
    ParseNode() = default;

    explicit operator bool() const { return json_ != nullptr; }
    ParseNode get(const char* field) const;
    // Of the field `field`:
    std::string_view text(const char* field) const;
    std::int64_t integer(const char* field) const;
    bool flag(const char* field) const;
    bool has(const char* field) const { return static_cast<bool>(get(field)); }

    // Of a list:
    std::size_t size() const;
    ParseNode operator[](std::size_t index) const;

    // Of a wrapped node {"Kind": {...}}: its kind ("" if there is none) and its content.
    std::string_view kind() const;
    ParseNode body() const;

  private:
    friend class ParseTree;
    explicit ParseNode(const void* json) : json_(json) {}
    const void* json_ = nullptr;
};

class ParseTree {
  public:
    // Reads libpg_query's JSON. A text that is not JSON gives a tree whose root is nowhere.
    explicit ParseTree(std::string_view json);
    ParseTree(ParseTree&&) noexcept;
    ParseTree& operator=(ParseTree&&) noexcept;
    ~ParseTree();

    ParseNode root() const;

  private:
    struct Document;
    std::unique_ptr<Document> document_;
};

}  // namespace anabranch::sql
