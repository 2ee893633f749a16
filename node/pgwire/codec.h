// Messages of PostgreSQL's frontend/backend protocol 3.0 as bytes: a writer for what the server says, a
// bounded reader for what clients send. Integers are big-endian. (PostgreSQL 15 documentation, chapter 55.7.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/ir.h"

namespace anabranch::pgwire {

// Appends one message at a time: begin(type), fields, end().
class MessageWriter {
  public:
    explicit MessageWriter(std::string& out) : out_(out) {}
    void begin(char type) {
        out_.push_back(type);
        start_ = out_.size();
        out_.append(4, '\0');
    }
    void end() { patch32(start_, static_cast<std::uint32_t>(out_.size() - start_)); }
    void i8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
    void i16(std::uint16_t v) {
        i8(static_cast<std::uint8_t>(v >> 8));
        i8(static_cast<std::uint8_t>(v));
    }
    void i32(std::uint32_t v) {
        i16(static_cast<std::uint16_t>(v >> 16));
        i16(static_cast<std::uint16_t>(v));
    }
    void text(std::string_view s) {  // NUL-terminated; a NUL inside would end it early, so it is cut there
        out_.append(s.substr(0, s.find('\0')));
        out_.push_back('\0');
    }
    void raw(std::string_view s) { out_.append(s); }
    void patch32(std::size_t at, std::uint32_t v) {
        out_[at] = static_cast<char>(v >> 24);
        out_[at + 1] = static_cast<char>(v >> 16);
        out_[at + 2] = static_cast<char>(v >> 8);
        out_[at + 3] = static_cast<char>(v);
    }
    std::string& out() { return out_; }

  private:
    std::string& out_;
    std::size_t start_ = 0;
};

// Reads the body of one message. Reading past the end gives zeros and latches failed().
class MessageReader {
  public:
    explicit MessageReader(std::string_view in) : in_(in) {}
    bool failed() const { return failed_; }
    bool done() const { return in_.empty(); }
    std::uint8_t i8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t i16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t i32() { return static_cast<std::uint32_t>(number(4)); }
    std::string_view text() {
        const auto end = in_.find('\0');
        if (end == std::string_view::npos) return fail();
        const auto out = in_.substr(0, end);
        in_.remove_prefix(end + 1);
        return out;
    }
    std::string_view raw(std::size_t size) {
        if (size > in_.size()) return fail();
        const auto out = in_.substr(0, size);
        in_.remove_prefix(size);
        return out;
    }

  private:
    std::string_view fail() {
        failed_ = true;
        in_ = {};
        return {};
    }
    std::uint64_t number(std::size_t size) {
        std::uint64_t v = 0;
        for (const char c : raw(size)) v = v << 8 | static_cast<unsigned char>(c);
        return v;
    }
    std::string_view in_;
    bool failed_ = false;
};

// ErrorResponse ('E') or NoticeResponse ('N'). `statement` is the text the error's span lies in: it turns the
// byte offset into the character position that clients show; `base` is where that text begins in what the
// client sent.
// `context` says where in the data of a COPY the error is.
void write_error(MessageWriter& out, std::string_view severity, const Error& error, std::string_view sent,
                 std::uint32_t base, std::string_view context = {});
void write_warning(MessageWriter& out, std::string_view code, const std::string& text);
// RowDescription; `formats`: 0, 1 or one per column.
void write_row_description(MessageWriter& out, const std::vector<sql::OutputColumn>& columns,
                           const std::vector<std::uint16_t>& formats);
void write_parameter_status(MessageWriter& out, std::string_view name, std::string_view value);
inline void write_empty(MessageWriter& out, char type) {
    out.begin(type);
    out.end();
}
// The format code of column `index` as Bind's list of 0, 1 or n codes gives it.
inline std::uint16_t format_of(const std::vector<std::uint16_t>& formats, std::size_t index) {
    if (formats.empty()) return 0;
    return formats.size() == 1 ? formats[0] : index < formats.size() ? formats[index] : std::uint16_t{0};
}

}  // namespace anabranch::pgwire
