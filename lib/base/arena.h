// A bump allocator for values that live as long as one transaction. Nothing is freed before reset(); reset()
// keeps the first block, so a warm arena serves a small transaction without touching the heap. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace anabranch {

class Arena {
  public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // `size` bytes, aligned to 8.
    char* allocate(std::size_t size) {
        size = (size + 7) & ~std::size_t{7};
        if (size > left_) grow(size);
        char* out = next_;
        next_ += size;
        left_ -= size;
        return out;
    }
    std::string_view copy(std::string_view text) {
        if (text.empty()) return {};
        char* out = allocate(text.size());
        std::memcpy(out, text.data(), text.size());
        return {out, text.size()};
    }
    void reset() {
        if (blocks_.size() > 1) blocks_.resize(1);
        next_ = blocks_.empty() ? nullptr : blocks_.front().memory.get();
        left_ = blocks_.empty() ? 0 : blocks_.front().size;
    }

  private:
    struct Block {
        std::unique_ptr<char[]> memory;
        std::size_t size;
    };
    void grow(std::size_t size) {
        const std::size_t block = size > block_bytes ? size : block_bytes;
        blocks_.push_back({std::make_unique<char[]>(block), block});
        next_ = blocks_.back().memory.get();
        left_ = block;
    }
    static constexpr std::size_t block_bytes = 16 * 1024;
    std::vector<Block> blocks_;
    char* next_ = nullptr;
    std::size_t left_ = 0;
};

}  // namespace anabranch
