// Digests of ranges of keys, by which two replicas find where they differ: a range whose digests differ is
// split until it is small (range-based set reconciliation; Meyer 2022).
#include "crdt/database_impl.h"

namespace anabranch::crdt {

namespace {

void add(Database::Range& range, DigestSum& sum, const StoredRow* row) {
    bool alive = false;
    const std::string_view key = row->key();
    for (; row != nullptr; row = row->older) {
        if (!row->alive) continue;
        sum.add(row->hash, row->bytes());
        alive = true;
    }
    if (alive && range.keys++ == 0) range.first = key;
    range.digest = sum.value();
}

}  // namespace

Database::Range Database::range(TableId table, std::string_view from, std::string_view to) const {
    Range out{std::string(from), std::string(to), 0, {}, {}};
    DigestSum sum;
    impl_->visit_keys(table, from, [&](const StoredRow& row) {
        if (!to.empty() && row.key() >= to) return false;
        add(out, sum, &row);
        return true;
    });
    return out;
}

std::vector<Database::Range> Database::split(TableId table, std::string_view from, std::string_view to,
                                             std::size_t parts) const {
    const std::uint64_t each = range(table, from, to).keys / parts + 1;
    std::vector<Range> out{{std::string(from), std::string(to), 0, {}, {}}};
    DigestSum sum;
    impl_->visit_keys(table, from, [&](const StoredRow& row) {
        if (!to.empty() && row.key() >= to) return false;
        if (out.back().keys >= each) {
            out.back().to = row.key();
            out.push_back({std::string(row.key()), std::string(to), 0, {}, {}});
            sum = {};
        }
        add(out.back(), sum, &row);
        return true;
    });
    return out;
}

}  // namespace anabranch::crdt
