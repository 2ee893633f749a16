// Result rows on their way: hashed, to tell whether a repeated transaction says the same; and as text, for a
// client at another node.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/exec/engine.h"
#include "lib/sql/value.h"

namespace anabranch::replica {

using TextRow = std::vector<std::pair<bool, Bytes>>;  // (null, text form)

inline void print_row(const std::vector<sql::OutputColumn>& columns, std::span<const sql::Datum> values,
                      const sql::EnumLabels* labels, TextRow& out) {
    out.clear();
    for (std::size_t i = 0; i < columns.size() && i < values.size(); ++i) {
        auto& [null, text] = out.emplace_back(values[i].is_null(), Bytes());
        if (!null) sql::print_text(columns[i].type, values[i], text, labels);
    }
}

// Passes rows on (to nobody, too) and keeps a hash of all of them.
class HashingSink final : public exec::RowSink {
  public:
    HashingSink(const std::vector<sql::OutputColumn>& columns, const sql::EnumLabels* labels,
                exec::RowSink* next)
        : columns_(columns), labels_(labels), next_(next) {}
    bool row(std::span<const sql::Datum> values) override {
        print_row(columns_, values, labels_, text_);
        for (const auto& [null, text] : text_) hash_ = hash64(text, hash_ + (null ? 1 : 2));
        hash_ = hash64("row", hash_);
        return next_ == nullptr || next_->row(values);
    }
    std::uint64_t hash() const { return hash_; }

  private:
    const std::vector<sql::OutputColumn>& columns_;
    const sql::EnumLabels* labels_;
    exec::RowSink* next_;
    TextRow text_;
    std::uint64_t hash_ = 1;
};

class TextSink final : public exec::RowSink {
  public:
    TextSink(const std::vector<sql::OutputColumn>& columns, const sql::EnumLabels* labels)
        : columns_(columns), labels_(labels) {}
    bool row(std::span<const sql::Datum> values) override {
        print_row(columns_, values, labels_, rows.emplace_back());
        return true;
    }
    std::vector<TextRow> rows;

  private:
    const std::vector<sql::OutputColumn>& columns_;
    const sql::EnumLabels* labels_;
};

}  // namespace anabranch::replica
