// Numbers byte strings 0, 1, 2, ... in the order in which they first come: groups, DISTINCT, hash joins, set
// operations. Keys are borrowed (an arena keeps them). clear() keeps the memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"

namespace anabranch::exec {

class KeyMap {
  public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::uint32_t find(std::string_view key) const {
        if (keys_.empty()) return none;
        const std::uint64_t hash = hash64(key);
        for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
            const std::uint32_t at = table_[i];
            if (at == 0) return none;
            if (keys_[at - 1].hash == hash && keys_[at - 1].key == key) return at - 1;
        }
    }
    // The key's number, and whether it is new. `keep` makes a lasting copy of a new key.
    template <typename Keep>
    std::pair<std::uint32_t, bool> insert(std::string_view key, Keep&& keep) {
        if (const std::uint32_t at = find(key); at != none) return {at, false};
        if ((keys_.size() + 1) * 2 > table_.size()) grow();
        const std::uint64_t hash = hash64(key);
        keys_.push_back({keep(key), hash});
        place(static_cast<std::uint32_t>(keys_.size()), hash);
        return {static_cast<std::uint32_t>(keys_.size() - 1), true};
    }
    std::uint32_t size() const { return static_cast<std::uint32_t>(keys_.size()); }
    std::string_view key(std::uint32_t number) const { return keys_[number].key; }
    void clear() {
        if (keys_.empty()) return;
        keys_.clear();
        table_.assign(table_.size(), 0);
    }

  private:
    struct Entry {
        std::string_view key;
        std::uint64_t hash;
    };
    std::size_t mask() const { return table_.size() - 1; }
    void place(std::uint32_t number, std::uint64_t hash) {
        std::size_t i = hash & mask();
        while (table_[i] != 0) i = (i + 1) & mask();
        table_[i] = number;
    }
    void grow() {
        table_.assign(table_.empty() ? 16 : table_.size() * 2, 0);
        for (std::size_t i = 0; i < keys_.size(); ++i)
            place(static_cast<std::uint32_t>(i + 1), keys_[i].hash);
    }

    std::vector<Entry> keys_;
    std::vector<std::uint32_t> table_;  // number + 1; 0 is free
};

}  // namespace anabranch::exec
