// An ordered map from byte strings to rows: a B+-tree of fixed-size nodes that hold variable-size keys side
// by side, leaves linked both ways. A key is unique in the tree; its first `key_size` bytes are the index key
// proper, which bounds are compared with, and what follows only tells equal ones apart (the row's primary
// key, so that their order is the same at every replica).
//
// Emptied nodes are freed, half-empty ones are not merged (as in PostgreSQL): rows come again where rows have
// been. Rows are not owned.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/base/function_ref.h"

namespace anabranch::crdt {

struct StoredRow;

class OrderedIndex {
  public:
    OrderedIndex() = default;
    ~OrderedIndex();
    OrderedIndex(const OrderedIndex&) = delete;
    OrderedIndex& operator=(const OrderedIndex&) = delete;
    OrderedIndex(OrderedIndex&& other) noexcept;

    void insert(std::string_view key, std::size_t key_size, StoredRow* row);  // a key that is not there
    bool erase(std::string_view key);
    bool replace(std::string_view key, StoredRow* row);
    // Rows with an index key in [low, high); an empty `high` is no bound. Until `visit` returns false. The
    // tree must not change meanwhile.
    void visit(std::string_view low, std::string_view high, bool reverse,
               FunctionRef<bool(StoredRow*)> visit) const;
    std::size_t size() const { return size_; }
    std::size_t memory() const { return memory_; }
    // Aborts if the tree is not what it should be; for tests.
    void check() const;

  private:
    struct Node;
    struct Split;
    struct Place;
    Place first_at_least(std::string_view bound) const;
    Place end_of(std::string_view bound) const;
    Node* make(bool leaf);
    void release(Node* node);
    void release_tree(Node* node);
    void insert_below(Node* node, std::string_view key, std::size_t key_size, void* payload, Split& split);
    void put(Node* node, std::size_t at, std::string_view key, std::size_t key_size, void* payload,
             Split& split);
    Split split(Node* node, std::size_t at);
    bool erase_below(Node* node, std::string_view key, bool& found);
    void visit_forward(Place at, std::string_view low, std::string_view high,
                       FunctionRef<bool(StoredRow*)> visit) const;
    void visit_backward(Place at, std::string_view low, std::string_view high,
                        FunctionRef<bool(StoredRow*)> visit) const;
    std::size_t check_below(const Node* node, std::string_view low, std::string_view high,
                            std::size_t depth) const;

    Node* root_ = nullptr;
    std::size_t size_ = 0;
    std::size_t memory_ = 0;
};

}  // namespace anabranch::crdt
