// Keys of rows of one table that are about to be looked up: the store hears of all of them at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/exec/store.h"

namespace anabranch::exec {

class KeyBatch {
  public:
    static constexpr std::size_t at_once = 16;

    void clear() {
        text_.clear();
        ends_.clear();
    }
    std::size_t size() const { return ends_.size(); }
    // Where the next key is appended, and that it is complete.
    std::string& text() { return text_; }
    void end_key() { ends_.push_back(text_.size()); }
    std::string_view key(std::size_t number) const {
        const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
        return std::string_view(text_).substr(begin, ends_[number] - begin);
    }
    void expect(const Store& store, TableId table) {
        keys_.clear();
        for (std::size_t i = 0; i < size(); ++i) keys_.push_back(key(i));
        store.expect(table, keys_);
    }

  private:
    std::string text_;
    std::vector<std::size_t> ends_;
    std::vector<std::string_view> keys_;
};

}  // namespace anabranch::exec
