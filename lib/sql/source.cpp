#include "lib/sql/source.h"

#include <algorithm>
#include <limits>

#include "lib/base/bytes.h"
#include "lib/base/check.h"

namespace anabranch::sql {
namespace {

constexpr std::size_t shown_bytes_max = 160;  // of one line in an error

bool continues_character(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !continues_character(byte); }));
}

// Length of the well-formed UTF-8 character at the start of `text`, 0 if it is ill-formed. Table 3-7 of the
// Unicode standard.
std::size_t character_size(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead == 0) return 0;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return tail(1) ? 2 : 0;
    if (lead < 0xF0) {
        const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = lead == 0xED ? 0x9F : 0xBF;
        return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
    }
    if (lead < 0xF5) {
        const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
        return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::size_t find_ill_formed(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t size = character_size(text.substr(at, 4));
        if (size == 0) return at;
        at += size;
    }
    return std::string_view::npos;
}

Error ill_formed_error(std::string_view text, std::size_t offset) {
    const auto at = static_cast<std::uint32_t>(offset);
    return Error::make("22021",
                       "invalid byte sequence for encoding \"UTF8\": 0x" + hex(text.substr(offset, 1)))
        .with_hint("Save the text as UTF-8, without NUL bytes.")
        .with_span({at, 1, true});
}

Source::Source(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
    CHECK(text_.size() < std::numeric_limits<std::uint32_t>::max());
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text_.size(); ++i) {
        if (text_[i] == '\n') line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
    }
}

Place Source::place(std::uint32_t offset) const {
    offset = std::min(offset, static_cast<std::uint32_t>(text_.size()));
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const std::uint32_t start = *(after - 1);
    Place place;
    place.file = name_;
    place.line = static_cast<std::uint32_t>(after - line_starts_.begin());
    place.column = static_cast<std::uint32_t>(
        count_characters(std::string_view(text_).substr(start, offset - start)) + 1);
    return place;
}

std::string_view Source::line(std::uint32_t number) const {
    if (number == 0 || number > line_starts_.size()) return {};
    const std::size_t begin = line_starts_[number - 1];
    const std::size_t end = number < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
    std::string_view line = std::string_view(text_).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

Error Source::located(Error error) const {
    if (error.span.known && error.place.line == 0) error.place = place(error.span.offset);
    return error;
}

std::string Source::render(const Error& error, std::string_view severity) const {
    std::string out;
    if (error.span.known) {
        const Place at = place(error.span.offset);
        out = at.describe() + ": " + std::string(severity) + ": " + error.message + "\n";
        std::string_view shown = line(at.line);
        std::size_t caret =
            std::min<std::size_t>(error.span.offset - line_starts_[at.line - 1], shown.size());
        std::string_view mark = shown.substr(caret, std::max<std::size_t>(error.span.size, 1));
        if (shown.size() > shown_bytes_max) {
            std::size_t cut = caret > shown_bytes_max / 2 ? caret - shown_bytes_max / 2 : 0;
            while (cut > 0 && continues_character(shown[cut])) --cut;
            shown.remove_prefix(cut);
            caret -= cut;
            std::size_t keep = std::min(shown.size(), shown_bytes_max);
            while (keep < shown.size() && continues_character(shown[keep])) ++keep;
            shown = shown.substr(0, keep);
            mark = mark.substr(0, shown.size() - std::min(caret, shown.size()));
        }
        out += "    " + std::string(shown) + "\n    ";
        // A tab before the caret is repeated, so that the two lines agree whatever a tab's width is.
        for (const char byte : shown.substr(0, caret)) {
            if (!continues_character(byte)) out += byte == '\t' ? '\t' : ' ';
        }
        const std::size_t width = count_characters(mark);
        out += "^" + std::string(width > 1 ? width - 1 : 0, '~') + "\n";
    } else {
        out = name_ + ": " + std::string(severity) + ": " + error.message + "\n";
    }
    if (!error.detail.empty()) out += "detail: " + error.detail + "\n";
    if (!error.hint.empty()) out += "hint: " + error.hint + "\n";
    return out;
}

}  // namespace anabranch::sql
