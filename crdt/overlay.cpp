#include "crdt/overlay.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anabranch::crdt {

namespace {

struct Entry {
    std::string key;           // what orders it
    std::size_t tie_size = 0;  // so much of it, at its end, only tells equal index keys apart
    const StoredRow* row = nullptr;
};

// The rows of a tree one after the other. It is read by visiting, so a few are taken at a time, twice as many
// each time: whoever wants the first row does not pay for all.
class Cursor {
  public:
    // Visits the rows with an index key in [low, high).
    using Visit = FunctionRef<void(std::string_view low, std::string_view high, FunctionRef<bool(Entry)>)>;

    Cursor(Visit visit, std::string_view low, std::string_view high, bool reverse)
        : visit_(visit), low_(low), high_(high), reverse_(reverse) {
        fetch();
    }
    bool done() const { return at_ == rows_.size(); }
    const StoredRow& row() const { return *rows_[at_].row; }
    bool before(std::string_view key) const { return reverse_ ? rows_[at_].key > key : rows_[at_].key < key; }
    void advance() {
        if (++at_ == rows_.size() && more_) fetch();
    }

  private:
    static constexpr std::size_t few = 32;

    void fetch() {
        const std::optional<Entry> last =
            rows_.empty() ? std::nullopt : std::optional(std::move(rows_.back()));
        if (last) resume(*last);
        rows_.clear();
        at_ = 0;
        more_ = false;
        visit_(low_, high_, [&](Entry entry) {
            if (last && (reverse_ ? entry.key >= last->key : entry.key <= last->key)) return true;
            more_ = rows_.size() == wanted_;
            if (!more_) rows_.push_back(std::move(entry));
            return !more_;
        });
        wanted_ *= 2;
    }
    // Bounds tell only index keys apart: those that are equal to the last one come again.
    void resume(const Entry& last) {
        std::string bound = last.key.substr(0, last.key.size() - last.tie_size);
        if (!reverse_) {
            low_ = std::move(bound);
            return;
        }
        bound.push_back('\0');
        if (high_.empty() || bound < high_) high_ = std::move(bound);
    }

    const Visit visit_;
    std::string low_, high_;
    const bool reverse_;
    std::vector<Entry> rows_;
    std::size_t at_ = 0, wanted_ = few;
    bool more_ = false;
};

}  // namespace

void visit_overlaid(FunctionRef<void(RowFound)> under, const Table& over,
                    FunctionRef<bool(std::string_view key)> covered, const IndexRange& range,
                    RowFound found) {
    const auto visit = [&](std::string_view low, std::string_view high, FunctionRef<bool(Entry)> take) {
        over.visit_shown(range.index, low, high, range.reverse, [&](const StoredRow& row) {
            if (!covered(row.key())) return true;
            return take({over.entry_key(range.index, row), over.tie_size(range.index, row), &row});
        });
    };
    Cursor next(visit, range.low, range.high, range.reverse);
    bool wanted = true;
    std::string key;
    under([&](const Table& in, const StoredRow& row) {
        if (covered(row.key())) return true;
        if (!next.done()) key = in.entry_key(range.index, row);
        for (; wanted && !next.done() && next.before(key); next.advance()) wanted = found(over, next.row());
        return wanted = wanted && found(in, row);
    });
    for (; wanted && !next.done(); next.advance()) wanted = found(over, next.row());
}

void visit_keys_overlaid(const Table& under, const Table& over,
                         FunctionRef<bool(std::string_view key)> covered, std::string_view low,
                         FunctionRef<bool(const StoredRow& newest)> found) {
    const auto visit = [&](std::string_view from, std::string_view, FunctionRef<bool(Entry)> take) {
        over.visit_keys(from, [&](StoredRow* row) { return take({std::string(row->key()), 0, row}); });
    };
    Cursor next(visit, low, {}, false);
    bool wanted = true;
    under.visit_keys(low, [&](StoredRow* row) {
        if (covered(row->key())) return true;
        for (; wanted && !next.done() && next.before(row->key()); next.advance()) wanted = found(next.row());
        return wanted = wanted && found(*row);
    });
    for (; wanted && !next.done(); next.advance()) wanted = found(next.row());
}

}  // namespace anabranch::crdt
