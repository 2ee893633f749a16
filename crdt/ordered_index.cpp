#include "crdt/ordered_index.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

constexpr std::size_t node_bytes = 2048;
constexpr std::size_t node_header = 24;
constexpr std::size_t area_bytes = node_bytes - node_header;
constexpr std::size_t inline_key_max = 400;  // a node holds at least four keys
constexpr std::uint16_t long_key = 0xffff;

// A record: [u16 size][u16 key_size][payload][key], where size is that of the whole key; a long key is kept
// on the heap instead: [long_key][unused][payload][pointer to LongKey].
constexpr std::size_t record_header = 12;

struct LongKey {
    std::string bytes;
    std::size_t key_size;
};

template <typename T>
T load(const char* at) {
    T out;
    std::memcpy(&out, at, sizeof out);
    return out;
}
template <typename T>
void store(char* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

std::size_t record_bytes(std::size_t size) {
    return record_header + (size > inline_key_max ? sizeof(void*) : size);
}

}  // namespace

// Slots (offsets of records, by key) grow from the front of the area, records from its end.
struct OrderedIndex::Node {
    Node* left;  // leaf: neighbours; inner: `left` is the first child, for keys below the first record's
    Node* right;
    std::uint16_t count;
    std::uint16_t records;  // where the records begin
    std::uint16_t dead;     // bytes of erased records
    bool leaf;
    char area[area_bytes];

    std::uint16_t slot(std::size_t i) const { return load<std::uint16_t>(area + 2 * i); }
    const char* record(std::size_t i) const { return area + slot(i); }
    char* record(std::size_t i) { return area + slot(i); }
    bool is_long(std::size_t i) const { return load<std::uint16_t>(record(i)) == long_key; }
    LongKey* long_at(std::size_t i) const { return load<LongKey*>(record(i) + record_header); }
    std::string_view key(std::size_t i) const {
        const char* at = record(i);
        const auto size = load<std::uint16_t>(at);
        if (size == long_key) return long_at(i)->bytes;
        return {at + record_header, size};
    }
    std::string_view index_key(std::size_t i) const {
        return key(i).substr(0, is_long(i) ? long_at(i)->key_size : load<std::uint16_t>(record(i) + 2));
    }
    void* payload(std::size_t i) const { return load<void*>(record(i) + 4); }
    Node* child(std::size_t i) const { return i == 0 ? left : static_cast<Node*>(payload(i - 1)); }
    StoredRow* row(std::size_t i) const { return static_cast<StoredRow*>(payload(i)); }
    std::size_t bytes_of(std::size_t i) const {
        return record_header + (is_long(i) ? sizeof(void*) : key(i).size());
    }

    std::size_t gap() const { return records - 2 * std::size_t{count}; }
    bool fits(std::size_t size) const { return gap() + dead >= record_bytes(size) + 2; }

    // The first record whose key is not below `wanted`.
    std::size_t lower(std::string_view wanted) const {
        std::size_t low = 0, high = count;
        while (low < high) {
            const std::size_t middle = (low + high) / 2;
            if (key(middle) < wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
    // Which child holds `wanted`.
    std::size_t child_of(std::string_view wanted) const {
        const std::size_t at = lower(wanted);
        return at < count && key(at) == wanted ? at + 1 : at;
    }
    bool has(std::size_t at, std::string_view wanted) const { return at < count && key(at) == wanted; }

    void compact() {
        char fresh[area_bytes];
        std::size_t end = area_bytes;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t bytes = bytes_of(i);
            end -= bytes;
            std::memcpy(fresh + end, record(i), bytes);
            store(fresh + 2 * i, static_cast<std::uint16_t>(end));
        }
        std::memcpy(area, fresh, 2 * std::size_t{count});
        std::memcpy(area + end, fresh + end, area_bytes - end);
        records = static_cast<std::uint16_t>(end);
        dead = 0;
    }
    // The record before which half of the bytes are.
    std::size_t middle() const {
        std::size_t bytes = 0, at = 0;
        while (at + 1 < count && bytes < area_bytes / 2) bytes += bytes_of(at++) + 2;
        return at;
    }
    // Room for a record of `bytes` at position `at`; there must be enough.
    char* open(std::size_t at, std::size_t bytes) {
        if (gap() < bytes + 2) compact();
        records = static_cast<std::uint16_t>(records - bytes);
        std::memmove(area + 2 * (at + 1), area + 2 * at, 2 * (count - at));
        store(area + 2 * at, records);
        ++count;
        return area + records;
    }
    // Takes a record out; a long key's memory is the caller's.
    void close(std::size_t at) {
        dead = static_cast<std::uint16_t>(dead + bytes_of(at));
        --count;
        std::memmove(area + 2 * at, area + 2 * (at + 1), 2 * (count - at));
        if (count == 0) {
            records = static_cast<std::uint16_t>(area_bytes);
            dead = 0;
        }
    }
    void move_record(Node& from, std::size_t i) {
        const std::size_t bytes = from.bytes_of(i);
        std::memcpy(open(count, bytes), from.record(i), bytes);
    }
};

struct OrderedIndex::Split {
    std::string separator;  // the least key that belongs right
    Node* right = nullptr;
};

struct OrderedIndex::Place {
    Node* leaf = nullptr;
    std::size_t at = 0;
};

OrderedIndex::OrderedIndex(OrderedIndex&& other) noexcept
    : root_(std::exchange(other.root_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      memory_(std::exchange(other.memory_, 0)) {}

OrderedIndex::~OrderedIndex() {
    if (root_ != nullptr) release_tree(root_);
}

OrderedIndex::Node* OrderedIndex::make(bool leaf) {
    static_assert(sizeof(Node) == node_bytes);
    Node* node = new Node;
    node->left = node->right = nullptr;
    node->count = node->dead = 0;
    node->records = static_cast<std::uint16_t>(area_bytes);
    node->leaf = leaf;
    memory_ += node_bytes;
    return node;
}

void OrderedIndex::release(Node* node) {
    for (std::size_t i = 0; i < node->count; ++i) {
        if (node->is_long(i)) delete node->long_at(i);
    }
    memory_ -= node_bytes;
    delete node;
}

void OrderedIndex::release_tree(Node* node) {
    if (!node->leaf) {
        for (std::size_t i = 0; i <= node->count; ++i) release_tree(node->child(i));
    }
    release(node);
}

void OrderedIndex::insert(std::string_view key, std::size_t key_size, StoredRow* row) {
    if (root_ == nullptr) root_ = make(true);
    Split grown;
    insert_below(root_, key, key_size, row, grown);
    ++size_;
    if (grown.right == nullptr) return;
    Node* top = make(false);
    top->left = root_;
    root_ = top;
    Split none;
    put(top, 0, grown.separator, grown.separator.size(), grown.right, none);
}

void OrderedIndex::insert_below(Node* node, std::string_view key, std::size_t key_size, void* payload,
                                Split& split) {
    if (node->leaf) {
        const std::size_t at = node->lower(key);
        CHECK(!node->has(at, key));
        put(node, at, key, key_size, payload, split);
        return;
    }
    const std::size_t child = node->child_of(key);
    Split below;
    insert_below(node->child(child), key, key_size, payload, below);
    if (below.right != nullptr) put(node, child, below.separator, below.separator.size(), below.right, split);
}

// Puts a record at a position of a node, which splits if it is full.
void OrderedIndex::put(Node* node, std::size_t at, std::string_view key, std::size_t key_size, void* payload,
                       Split& out) {
    if (!node->fits(key.size())) {
        out = split(node, at);
        if (key >= out.separator) {
            node = out.right;
            at = node->lower(key);
        }
    }
    char* record = node->open(at, record_bytes(key.size()));
    store(record + 4, payload);
    if (key.size() <= inline_key_max) {
        store(record, static_cast<std::uint16_t>(key.size()));
        store(record + 2, static_cast<std::uint16_t>(key_size));
        std::memcpy(record + record_header, key.data(), key.size());
    } else {
        store(record, long_key);
        store(record + record_header, new LongKey{std::string(key), key_size});
    }
}

// Moves the upper half of a node into a new right neighbour. Where keys arrive in order, only the last record
// moves, and nodes fill up.
OrderedIndex::Split OrderedIndex::split(Node* node, std::size_t at) {
    const std::size_t count = node->count;
    const std::size_t half = at == count ? count - 1 : node->middle();
    Split out;
    out.right = make(node->leaf);
    Node& right = *out.right;
    std::size_t from = half;
    if (node->leaf) {
        // The shortest key that tells the halves apart.
        const std::string_view last = node->key(half - 1), first = node->key(half);
        const auto differ = std::mismatch(last.begin(), last.end(), first.begin(), first.end());
        out.separator = first.substr(0, static_cast<std::size_t>(differ.second - first.begin()) + 1);
        right.left = node;
        right.right = node->right;
        if (node->right != nullptr) node->right->left = &right;
        node->right = &right;
    } else {
        out.separator = node->key(half);
        right.left = node->child(half + 1);
        if (node->is_long(half)) delete node->long_at(half);
        ++from;
    }
    for (std::size_t i = from; i < count; ++i) right.move_record(*node, i);
    while (node->count > half) node->close(node->count - 1u);
    return out;
}

bool OrderedIndex::erase(std::string_view key) {
    if (root_ == nullptr) return false;
    bool found = false;
    if (erase_below(root_, key, found)) root_ = nullptr;
    while (root_ != nullptr && !root_->leaf && root_->count == 0) {
        Node* only = root_->left;
        release(root_);
        root_ = only;
    }
    if (found) --size_;
    return found;
}

// True if the node became empty and was freed.
bool OrderedIndex::erase_below(Node* node, std::string_view key, bool& found) {
    if (node->leaf) {
        const std::size_t at = node->lower(key);
        found = node->has(at, key);
        if (!found) return false;
        if (node->is_long(at)) delete node->long_at(at);
        node->close(at);
        if (node->count > 0) return false;
        if (node->left != nullptr) node->left->right = node->right;
        if (node->right != nullptr) node->right->left = node->left;
        release(node);
        return true;
    }
    const std::size_t child = node->child_of(key);
    if (!erase_below(node->child(child), key, found)) return false;
    if (node->count == 0) {
        release(node);
        return true;
    }
    const std::size_t record = child == 0 ? 0 : child - 1;
    if (child == 0) node->left = node->child(1);
    if (node->is_long(record)) delete node->long_at(record);
    node->close(record);
    return false;
}

bool OrderedIndex::replace(std::string_view key, StoredRow* row) {
    Node* node = root_;
    if (node == nullptr) return false;
    while (!node->leaf) node = node->child(node->child_of(key));
    const std::size_t at = node->lower(key);
    if (!node->has(at, key)) return false;
    store(node->record(at) + 4, static_cast<void*>(row));
    return true;
}

OrderedIndex::Place OrderedIndex::first_at_least(std::string_view bound) const {
    Node* node = root_;
    while (!node->leaf) node = node->child(node->child_of(bound));
    return {node, node->lower(bound)};
}

// Behind the last entry with an index key below the bound. Where an index key is a prefix of the bound, what
// tells equal ones apart may put entries behind the bound itself.
OrderedIndex::Place OrderedIndex::end_of(std::string_view bound) const {
    Place place = first_at_least(bound);
    for (;;) {
        if (place.at < place.leaf->count) {
            if (place.leaf->index_key(place.at) >= bound) return place;
            ++place.at;
        } else if (place.leaf->right != nullptr) {
            place = {place.leaf->right, 0};
        } else {
            return place;
        }
    }
}

void OrderedIndex::visit(std::string_view low, std::string_view high, bool reverse,
                         FunctionRef<bool(StoredRow*)> visit) const {
    if (root_ == nullptr) return;
    if (!reverse) {
        visit_forward(first_at_least(low), low, high, visit);
    } else if (!high.empty()) {
        visit_backward(end_of(high), low, high, visit);
    } else {
        Node* node = root_;
        while (!node->leaf) node = node->child(node->count);
        visit_backward({node, node->count}, low, high, visit);
    }
}

void OrderedIndex::visit_forward(Place place, std::string_view low, std::string_view high,
                                 FunctionRef<bool(StoredRow*)> visit) const {
    std::size_t at = place.at;
    for (const Node* leaf = place.leaf; leaf != nullptr; leaf = leaf->right, at = 0) {
        for (; at < leaf->count; ++at) {
            const std::string_view key = leaf->index_key(at);
            if (!high.empty() && key >= high) return;
            if (key >= low && !visit(leaf->row(at))) return;
        }
    }
}

void OrderedIndex::visit_backward(Place place, std::string_view low, std::string_view high,
                                  FunctionRef<bool(StoredRow*)> visit) const {
    std::size_t at = place.at;
    for (const Node* leaf = place.leaf; leaf != nullptr;
         leaf = leaf->left, at = leaf == nullptr ? 0 : leaf->count) {
        for (; at > 0; --at) {
            const std::string_view key = leaf->index_key(at - 1);
            if (key < low) return;
            if ((high.empty() || key < high) && !visit(leaf->row(at - 1))) return;
        }
    }
}

void OrderedIndex::check() const {
    if (root_ == nullptr) {
        CHECK(size_ == 0);
        return;
    }
    CHECK(check_below(root_, {}, {}, 0) == size_);
    const Node* leaf = root_;
    while (!leaf->leaf) leaf = leaf->child(0);
    CHECK(leaf->left == nullptr);
    std::size_t linked = 0;
    for (; leaf != nullptr; leaf = leaf->right) {
        CHECK(leaf->right == nullptr || leaf->right->left == leaf);
        linked += leaf->count;
    }
    CHECK(linked == size_);
}

std::size_t OrderedIndex::check_below(const Node* node, std::string_view low, std::string_view high,
                                      std::size_t depth) const {
    CHECK(depth < 64);
    CHECK(node->leaf ? node->count > 0 : node->left != nullptr);
    std::size_t used = 0;
    for (std::size_t i = 0; i < node->count; ++i) {
        CHECK(node->key(i) >= low && (high.empty() || node->key(i) < high));
        CHECK(i == 0 || node->key(i - 1) < node->key(i));
        used += node->bytes_of(i);
    }
    CHECK(used + node->dead + node->records == area_bytes);
    if (node->leaf) return node->count;
    std::size_t total = 0;
    for (std::size_t i = 0; i <= node->count; ++i) {
        total += check_below(node->child(i), i == 0 ? low : node->key(i - 1),
                             i == node->count ? high : node->key(i), depth + 1);
    }
    return total;
}

}  // namespace anabranch::crdt
