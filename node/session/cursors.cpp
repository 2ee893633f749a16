#include "node/session/cursors.h"

#include <algorithm>

namespace anabranch::session {

namespace ast = sql::ast;

namespace {
Error no_cursor(std::string_view name) {
    return Error::make("34000", "cursor \"" + std::string(name) + "\" does not exist");
}
}  // namespace

bool Cursors::Cursor::row(std::span<const sql::Datum> values) {
    for (const auto value : values.first(std::min(values.size(), columns.size())))
        cells.push_back(value.is_bytes() ? sql::Datum::bytes(arena.copy(value.as_bytes())) : value);
    return true;
}

// Moves to `to` and shows the row there, if there is one.
std::size_t Cursors::Cursor::step(std::size_t to, exec::RowSink* sink) {
    position = std::min(to, rows() + 1);
    if (position == 0 || position > rows()) return 0;
    if (sink != nullptr) sink->row(std::span(cells).subspan((position - 1) * columns.size(), columns.size()));
    return 1;
}

Result<exec::RowSink*> Cursors::open(const std::string& name, std::vector<sql::OutputColumn> columns,
                                     bool hold, bool forward_only) {
    if (cursors_.contains(name)) return fail("42P03", "cursor \"" + name + "\" already exists");
    auto cursor = std::make_unique<Cursor>();
    cursor->columns = std::move(columns);
    cursor->hold = hold;
    cursor->forward_only = forward_only;
    return (cursors_[name] = std::move(cursor)).get();
}

const std::vector<sql::OutputColumn>* Cursors::columns(std::string_view name) const {
    const auto found = cursors_.find(name);
    return found == cursors_.end() ? nullptr : &found->second->columns;
}

Result<std::size_t> Cursors::fetch(const ast::Fetch& what, exec::RowSink* sink) {
    const auto found = cursors_.find(what.cursor);
    if (found == cursors_.end()) return fail(no_cursor(what.cursor));
    Cursor& cursor = *found->second;
    const auto end = static_cast<std::int64_t>(cursor.rows()) + 1;
    const auto at = static_cast<std::int64_t>(cursor.position);
    const auto go = [&](std::int64_t to) {
        return cursor.step(static_cast<std::size_t>(std::clamp<std::int64_t>(to, 0, end)), sink);
    };
    std::int64_t count = std::clamp<std::int64_t>(what.count, -end, end);
    if (what.all) count = end;
    if (what.direction == ast::FetchDirection::Backward) count = -count;
    const bool walks =
        what.direction == ast::FetchDirection::Forward || what.direction == ast::FetchDirection::Backward;
    const std::int64_t target =
        what.direction == ast::FetchDirection::Absolute ? (count < 0 ? end + count : count) : at + count;
    if (cursor.forward_only && (walks ? count < 0 : target < at))
        return fail(Error::make(sqlstate::object_not_in_prerequisite_state, "cursor can only scan forward")
                        .with_hint("Declare it with SCROLL option to enable backward scan."));
    if (!walks || count == 0) return go(target);
    std::size_t shown = 0;
    for (std::int64_t i = 1; i <= (count < 0 ? -count : count); ++i) {
        const std::int64_t to = count < 0 ? at - i : at + i;
        shown += go(to);
        if (to <= 0 || to >= end) break;
    }
    return shown;
}

Result<void> Cursors::close(const std::string& name) {
    if (name.empty())
        cursors_.clear();
    else if (cursors_.erase(name) == 0)
        return fail(no_cursor(name));
    return {};
}

void Cursors::end_transaction(bool committed) {
    std::erase_if(cursors_,
                  [&](const auto& item) { return !item.second->hold || (!committed && item.second->fresh); });
    for (auto& [name, cursor] : cursors_) cursor->fresh = false;
}

}  // namespace anabranch::session
