// Small transactions to build worlds from: each a step that does something sensible in whatever state it
// meets.
#pragma once

#include "lib/base/random.h"
#include "tests/unit/crdt/transaction.h"

namespace anabranch::crdt::test {

namespace item {
enum Column : std::uint32_t { id, a, b, c, n, hi, lo, note };
inline Values row(std::int64_t key, std::int64_t salt) {
    return {number(key),  number(salt % 5), number(salt),  text("c" + std::to_string(salt)),
            number(salt), number(salt),     number(-salt), text("n")};
}
}  // namespace item

// On items(): numbered acts on a key. `salt` makes the values of each step its own.
inline constexpr std::size_t item_acts = 9;
inline void act_on_item(Transaction& t, std::size_t act, std::int64_t id, std::int64_t salt) {
    const std::string key = key_of(id);
    const bool exists = t.find(0, key).has_value();
    switch (act) {
        case 0:
            t.insert(0, item::row(id, salt));
            break;
        case 1:
            t.upsert(0, item::row(id, salt));
            break;
        case 2:
            if (exists) t.erase(0, key);
            break;
        case 3:
            if (exists) t.add(0, key, item::n, salt);
            break;
        case 4:
            if (exists) t.set(0, key, item::b, number(salt));
            break;
        case 5:
            if (!exists) break;
            t.set(0, key, item::hi, number(salt % 7));
            t.set(0, key, item::lo, number(salt % 7));
            break;
        case 6:
            if (exists) t.erase(0, key);
            t.insert(0, item::row(id, salt));
            break;
        case 7:
            if (!exists) break;
            t.set(0, key, item::c, text(std::string(static_cast<std::size_t>(salt % 40), 'x')));
            t.set(0, key, item::a, salt % 3 == 0 ? null() : number(salt % 5));
            t.add(0, key, item::n, -salt);
            break;
        default:
            if (t.insert(0, item::row(id, salt))) t.add(0, key, item::n, 1000);
    }
}

// On family(): parents 1 and 2, children 1 and 2, grandchildren 1, nodes 1..3.
inline constexpr std::size_t family_acts = 14;
inline void act_on_family(Transaction& t, std::size_t act, std::int64_t salt) {
    const auto has = [&](std::uint32_t table, std::int64_t id) {
        return t.find(table, key_of(id)).has_value();
    };
    const auto make = [&](std::uint32_t table, Values values) {
        if (t.db_identity(table) == catalog::RowIdentity::per_key) {
            t.upsert(table, std::move(values));
        } else {
            t.insert(table, std::move(values));
        }
    };
    const std::int64_t which = 1 + salt % 2;
    const CellValue parent = has(0, which) ? number(which) : has(0, 3 - which) ? number(3 - which) : null();
    switch (act) {
        case 0:
            make(0, {number(1), number(10 + salt % 2)});
            break;
        case 1:
            make(0, {number(2), number(20 + salt % 2)});
            break;
        case 2:
            if (has(0, 1)) t.erase(0, key_of(1));
            break;
        case 3:
            if (has(0, 2)) t.erase(0, key_of(2));
            break;
        case 4:
            make(1, {number(1), parent, null(), number(salt)});
            break;
        case 5:
            make(1, {number(2), null(), parent, number(salt)});
            break;
        case 6:
            if (has(1, 1)) t.set(1, key_of(1), 2, parent);
            break;
        case 7:
            if (has(1, 2)) t.set(1, key_of(2), 1, parent);
            break;
        case 8:
            if (has(1, which)) make(2, {number(1), number(which), null()});
            break;
        case 9:
            if (has(0, which)) make(2, {number(1), null(), (*t.find(0, key_of(which)))[1]});
            break;
        case 10:  // a parent and its child at once, over whatever was there
            if (has(0, 1)) t.erase(0, key_of(1));
            make(0, {number(1), number(salt)});
            make(1, {number(2), number(1), number(1), number(salt)});
            break;
        case 11: {  // a ring of nodes
            make(3, {number(1), null()});
            make(3, {number(2), number(1)});
            make(3, {number(3), number(2)});
            if (salt % 2 == 0) t.set(3, key_of(1), 1, number(3));
            break;
        }
        case 12:
            if (has(3, 1 + salt % 3)) t.erase(3, key_of(1 + salt % 3));
            break;
        default:
            if (has(1, which)) t.erase(1, key_of(which));
    }
}

}  // namespace anabranch::crdt::test
