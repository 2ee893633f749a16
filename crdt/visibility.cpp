#include "crdt/visibility.h"

#include "lib/base/check.h"

namespace anabranch::crdt {

void Visibility::add(Table& table, StoredRow* row) {
    if (row->marked || !row->alive) return;
    row->marked = true;
    subjects_.push_back({&table, row});
}

void Visibility::add_children(const Table& table, std::string_view key, bool again) {
    for (const TableShape::Dependent& dependent : table.shape().dependents) {
        Table* child = tables_.find(dependent.child);
        if (child == nullptr) continue;
        child->visit_children(dependent.derived, key, [&](StoredRow* row) {
            add(*child, row);
            if (again) queue_.push_back({child, row});
            return true;
        });
    }
}

bool Visibility::parent_gone(const Subject& subject, std::uint32_t derived) {
    Stamp incarnation;
    if (!subject.table->parent_of(*subject.row, derived, key_, incarnation)) return false;
    const Table* parent = tables_.find(subject.table->shape().derived[derived].parent);
    const StoredRow* row = parent == nullptr ? nullptr : parent->version(key_, incarnation);
    return row == nullptr || !row->visible();
}

// Takes every subject for visible until the opposite is shown: with whatever hung on a hidden one.
void Visibility::reveal(Witness* witness) {
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
        const Subject subject = subjects_[i];
        if (!subject.row->hidden) continue;
        if (witness != nullptr) witness->changes(*subject.table, *subject.row);
        subject.row->hidden = false;
        add_children(*subject.table, subject.row->key(), false);
    }
}

void Visibility::hide_orphans(Witness* witness) {
    queue_.insert(queue_.end(), subjects_.begin(), subjects_.end());
    while (!queue_.empty()) {
        const Subject subject = queue_.back();
        queue_.pop_back();
        if (!subject.row->visible()) continue;
        const auto& derived = subject.table->shape().derived;
        bool gone = false;
        for (std::uint32_t d = 0; d < derived.size() && !gone; ++d)
            gone = derived[d].cascade && parent_gone(subject, d);
        if (!gone) continue;
        if (witness != nullptr) witness->changes(*subject.table, *subject.row);
        subject.row->hidden = true;
        add_children(*subject.table, subject.row->key(), true);
    }
}

void Visibility::settle(Witness* witness) {
    if (changed_.empty()) return;
    for (const Changed& changed : changed_) {
        for (StoredRow* row = changed.table->newest(changed.key); row != nullptr; row = row->older)
            add(*changed.table, row);
        add_children(*changed.table, changed.key, false);
    }
    reveal(witness);
    hide_orphans(witness);
    for (const Subject& subject : subjects_) {
        subject.row->marked = false;
        const auto& derived = subject.table->shape().derived;
        std::uint64_t nulled = 0;
        for (std::uint32_t d = 0; d < derived.size(); ++d) {
            if (!derived[d].cascade && parent_gone(subject, d)) nulled |= derived[d].nulled;
        }
        if (witness != nullptr && nulled != subject.row->nulled)
            witness->changes(*subject.table, *subject.row);
        subject.table->set_nulled(*subject.row, nulled);
        subject.table->refresh_shown(*subject.row);
    }
    changed_.clear();
    subjects_.clear();
}

void Visibility::check() {
    CHECK(changed_.empty() && subjects_.empty() && queue_.empty());
    tables_.each([&](Table& table) {
        table.visit_keys({}, [&](StoredRow* row) {
            for (; row != nullptr; row = row->older) {
                CHECK(!row->marked);
                bool gone = false;
                std::uint64_t nulled = 0;
                const auto& derived = table.shape().derived;
                for (std::uint32_t d = 0; row->alive && d < derived.size(); ++d) {
                    if (!parent_gone({&table, row}, d)) continue;
                    gone = gone || derived[d].cascade;
                    nulled |= derived[d].nulled;
                }
                CHECK(row->hidden == gone);
                CHECK(row->nulled == nulled);
            }
            return true;
        });
    });
}

}  // namespace anabranch::crdt
