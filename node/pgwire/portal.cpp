#include "node/pgwire/portal.h"

#include <algorithm>
#include <utility>

#include "lib/sql/value.h"

namespace anabranch::pgwire {

bool DataRowSink::row(std::span<const sql::Datum> values) {
    MessageWriter message(*out_);
    message.begin('D');
    const std::size_t count = columns_->size();
    message.i16(static_cast<std::uint16_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        const sql::Datum value = i < values.size() ? values[i] : sql::Datum::null();
        if (value.is_null()) {
            message.i32(~std::uint32_t{0});
            continue;
        }
        const std::size_t at = out_->size();
        message.i32(0);
        const auto type = (*columns_)[i].type;
        if (format_of(*formats_, i) == 1)
            sql::print_binary(type, value, *out_, labels_);
        else
            sql::print_text(type, value, *out_, labels_);
        message.patch32(at, static_cast<std::uint32_t>(out_->size() - at - 4));
    }
    message.end();
    if (row_ends_ != nullptr) row_ends_->push_back(out_->size());
    return true;
}

bool Portal::send(std::uint32_t limit, std::string& out) {
    const std::size_t first = rows_sent, begin = first == 0 ? 0 : row_ends[first - 1];
    if (limit > 0 && !row_ends.empty()) {
        const std::size_t last = std::min(row_ends.size(), first + limit);
        out.append(rows, begin, (last == 0 ? 0 : row_ends[last - 1]) - begin);
        rows_sent = last;
        if (last < row_ends.size()) return false;
        rows.clear();
        row_ends.clear();
        rows_sent = 0;
        return last - first != limit;
    }
    out.append(rows, begin);
    rows.clear();
    row_ends.clear();
    rows_sent = 0;
    return true;
}

void Portal::reset() {
    constexpr std::size_t kept_max = 16 * 1024;
    prepared.reset();
    text.clear();
    arena->reset();
    parameters.clear();
    formats.clear();
    executed = false;
    if (rows.capacity() > kept_max) std::string().swap(rows);
    if (row_ends.capacity() > kept_max) std::vector<std::size_t>().swap(row_ends);
    rows.clear();
    row_ends.clear();
    rows_sent = 0;
    tag.clear();
}

const Portal* Portals::find(std::string_view name) const {
    if (name.empty()) return has_unnamed_ ? &unnamed_ : nullptr;
    const auto found = named_.find(name);
    return found == named_.end() ? nullptr : &found->second;
}

Portal& Portals::open(std::string_view name) {
    close(name);
    if (!name.empty()) return named_[std::string(name)];
    has_unnamed_ = true;
    return unnamed_;
}

void Portals::close(std::string_view name) {
    if (name.empty()) {
        if (std::exchange(has_unnamed_, false)) unnamed_.reset();
        return;
    }
    const auto found = named_.find(name);
    if (found != named_.end()) named_.erase(found);
}

void Portals::clear() {
    close({});
    named_.clear();
}

Result<void> bind_parameters(MessageReader& body, Portal& portal, const sql::EnumLabels* labels) {
    const auto malformed = [] { return fail(sqlstate::protocol_violation, "malformed Bind message"); };
    auto& formats = portal.parameter_formats;
    formats.resize(body.i16());
    for (auto& format : formats) format = body.i16();
    if (body.failed()) return malformed();
    const auto& types = portal.prepared->parameter_types();
    const std::size_t count = body.i16();
    if (count != types.size())
        return fail(sqlstate::protocol_violation, "bind message supplies " + std::to_string(count) +
                                                      " parameters, but the statement requires " +
                                                      std::to_string(types.size()));
    if (formats.size() > 1 && formats.size() != count)
        return fail(sqlstate::protocol_violation, "bind message has " + std::to_string(formats.size()) +
                                                      " parameter formats but " + std::to_string(count) +
                                                      " parameters");
    portal.parameters.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto size = static_cast<std::int32_t>(body.i32());
        if (size < 0) {
            portal.parameters.push_back(sql::Datum::null());
            continue;
        }
        const auto sent = body.raw(static_cast<std::size_t>(size));
        if (body.failed()) return malformed();
        // A value of bytes may be those of the message, which is gone before the portal is.
        const bool kept = sql::storage_of(types[i]) == sql::Storage::bytes;
        const auto bytes = kept ? portal.arena->copy(sent) : sent;
        auto value = format_of(formats, i) == 1 ? sql::parse_binary(types[i], bytes, *portal.arena, labels)
                                                : sql::parse_text(types[i], bytes, *portal.arena, labels);
        if (!value) return std::unexpected(std::move(value).error());
        portal.parameters.push_back(*value);
    }
    portal.formats.resize(body.i16());
    for (auto& format : portal.formats) format = body.i16();
    if (body.failed() || !body.done()) return malformed();
    for (const auto format : portal.formats)
        if (format > 1) return fail("22023", "unsupported format code: " + std::to_string(format));
    return {};
}

}  // namespace anabranch::pgwire
