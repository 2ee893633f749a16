// format(), and to_char() of numbers. Dates are in evaluate_format_time.cpp.
#include "lib/sql/evaluate_format.h"

#include <algorithm>
#include <charconv>

#include "lib/sql/evaluate_internal.h"
#include "lib/sql/numeric.h"
#include "lib/sql/numeric_digits.h"
#include "lib/sql/print.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

// ---- format('%1$s %I %-10L', ...) ----

class Formatter {
  public:
    Formatter(EvalContext& c, const CallSite& site, const Datum* args)
        : context_(c), site_(site), args_(args), rest_(args[0].as_bytes()) {}

    Datum run() {
        std::string out;
        while (!rest_.empty()) {
            const char c = take();
            if (c != '%') {
                out += c;
            } else if (rest_.empty()) {
                return unterminated();
            } else if (rest_.front() == '%') {
                out += take();
            } else if (!specifier(out)) {
                return {};
            }
            if (out.size() > text_bytes_max) return context_.fail("54000", "requested length too large");
        }
        return make_bytes(context_, out);
    }

  private:
    char take() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    Datum unterminated() {
        return context_.fail(Error::make("22023", "unterminated format() type specifier")
                                 .with_hint("For a single \"%\" use \"%%\"."));
    }
    std::optional<std::int64_t> number() {
        std::int64_t value = 0;
        const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (status != std::errc{} || rest_.front() == '-' || value > INT32_MAX) return {};
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    // [position$][-][width]type
    bool specifier(std::string& out) {
        std::optional<std::int64_t> position;
        std::optional<std::int64_t> width = number();
        if (width && rest_.starts_with('$')) {
            take();
            position = width;
            width.reset();
        }
        bool left = false;
        if (!width) {
            while (rest_.starts_with('-')) {
                left = true;
                take();
            }
            width = number();
            if (!width && rest_.starts_with('*')) {
                take();
                width = star();
                if (context_.failed) return false;
                left = left || *width < 0;
                width = std::abs(*width);
            }
        }
        if (rest_.empty()) return unterminated(), false;
        if (position && *position == 0) {
            context_.fail("22023", "format specifies argument 0, but arguments are numbered from 1");
            return false;
        }
        return value(out, position.value_or(next_), width.value_or(0), left);
    }
    std::int64_t star() {
        const auto index = static_cast<std::size_t>(next_++);
        if (index >= site_.args.size()) {
            context_.fail("22023", "too few arguments for format()");
            return 0;
        }
        return args_[index].is_null() || !is_integer(site_.args[index]) ? 0 : args_[index].as_integer();
    }

    bool value(std::string& out, std::int64_t position, std::int64_t width, bool left) {
        const char type = take();
        if (type != 's' && type != 'I' && type != 'L') {
            context_.fail(
                Error::make("22023", std::string("unrecognized format() type specifier \"") + type + "\"")
                    .with_hint("For a single \"%\" use \"%%\"."));
            return false;
        }
        const auto index = static_cast<std::size_t>(position);
        if (index >= site_.args.size()) {
            context_.fail("22023", "too few arguments for format()");
            return false;
        }
        next_ = position + 1;
        std::string text;
        if (args_[index].is_null()) {
            if (type == 'I') {
                context_.fail("22004", "null values cannot be formatted as an SQL identifier");
                return false;
            }
            if (type == 'L') text = "NULL";
        } else {
            print_text(site_.args[index], args_[index], text, context_.labels);
            if (type == 'I') text = quote_identifier(text);
            if (type == 'L') text = escape_literal(text);
        }
        const std::size_t have = character_count(text);
        const std::size_t missing = static_cast<std::size_t>(std::min<std::int64_t>(width, text_bytes_max)) -
                                    std::min(have, static_cast<std::size_t>(width));
        if (!left) out.append(missing, ' ');
        out += text;
        if (left) out.append(missing, ' ');
        return true;
    }

    EvalContext& context_;
    const CallSite& site_;
    const Datum* args_;
    std::string_view rest_;
    std::int64_t next_ = 1;
};

Datum format(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    return Formatter(c, site, args).run();
}

// ---- to_char(number, '999,990.00') ----

enum class Sign : std::uint8_t { plain, leading, trailing, minus, plus, both, brackets };

struct NumberFormat {
    std::string pattern;  // of 9 0 , . and MI, PL, SG as m p g; quoted text as it is after a backslash
    std::size_t before = 0, after = 0;
    std::size_t zero_from = std::string::npos;  // position before the point from which zeros are shown
    std::size_t zeros_after = 0;                // places after the point that stay though zero
    bool fill = false;                          // FM
    Sign sign = Sign::plain;
};

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

Result<NumberFormat> read_format(std::string_view text) {
    NumberFormat out;
    bool point = false;
    const auto starts = [&](std::string_view word) {
        return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(),
                                                        [](char a, char b) { return a == upper(b); });
    };
    const auto skip = [&](std::size_t n) { text.remove_prefix(n); };
    while (!text.empty()) {
        const char c = upper(text.front());
        if (c == '9' || c == '0') {
            if (point) {
                ++out.after;
                if (c == '0') out.zeros_after = out.after;
            } else {
                if (c == '0' && out.zero_from == std::string::npos) out.zero_from = out.before;
                ++out.before;
            }
            out.pattern += c;
            skip(1);
        } else if (c == '.' || c == 'D') {
            if (point) return fail(sqlstate::syntax_error, "multiple decimal points");
            point = true;
            out.pattern += '.';
            skip(1);
        } else if (c == ',' || c == 'G') {
            out.pattern += ',';
            skip(1);
        } else if (starts("FM")) {
            out.fill = true;
            skip(2);
        } else if (starts("MI")) {
            out.sign = Sign::minus;
            out.pattern += 'm';
            skip(2);
        } else if (starts("PL")) {
            out.sign = Sign::plus;
            out.pattern += 'p';
            skip(2);
        } else if (starts("SG")) {
            out.sign = Sign::both;
            out.pattern += 'g';
            skip(2);
        } else if (starts("PR")) {
            out.sign = Sign::brackets;
            skip(2);
        } else if (c == 'S') {
            out.sign = out.before == 0 && !point ? Sign::leading : Sign::trailing;
            skip(1);
        } else if (c == '"') {
            skip(1);
            while (!text.empty() && text.front() != '"') {
                out.pattern += {'\\', text.front()};
                skip(1);
            }
            if (!text.empty()) skip(1);
        } else if (starts("EEEE") || starts("RN") || starts("TH") || c == 'V' || c == 'L') {
            return fail(sqlstate::feature_not_supported,
                        std::string("to_char() pattern \"") + std::string(text) + "\" is not supported");
        } else {
            out.pattern += {'\\', text.front()};
            skip(1);
        }
    }
    return out;
}

// The digits and separators, without sign; blanks stand where leading digits are missing.
class Filler {
  public:
    Filler(const NumberFormat& format, std::string_view whole, std::string_view fraction, bool negative)
        : f_(format),
          whole_(whole),
          fraction_(fraction),
          negative_(negative),
          overflow_(whole.size() > format.before),
          missing_(overflow_ ? 0 : format.before - whole.size()),
          shown_(fraction.size()) {
        // FM drops zeros at the end, but not those under a 0.
        while (f_.fill && shown_ > f_.zeros_after && fraction_[shown_ - 1] == '0') --shown_;
    }

    std::string run() {
        for (std::size_t i = 0; i < f_.pattern.size(); ++i) {
            const char c = f_.pattern[i];
            if (c == '\\') {
                out_ += f_.pattern[++i];
            } else if (c == 'm' || c == 'p' || c == 'g') {
                const char sign = negative_ ? (c == 'p' ? ' ' : '-') : (c == 'm' ? ' ' : '+');
                if (sign != ' ' || !f_.fill) out_ += sign;
            } else {
                if (start_ == std::string::npos) start_ = out_.size();
                part(c);
            }
        }
        return std::move(out_);
    }
    // Where the number begins: literal text may stand before it.
    std::size_t start() const { return start_; }

  private:
    void part(char c) {
        if (c == '.') {
            point_ = true;
            out_ += '.';
        } else if (c == ',') {
            if (begun_ || !f_.fill) out_ += begun_ ? ',' : ' ';
        } else if (!point_) {
            before_point();
        } else {
            if (overflow_ || places_ < shown_) out_ += overflow_ ? '#' : fraction_[places_];
            ++places_;
        }
    }
    void before_point() {
        const bool lone_zero = whole_ == "0" && f_.after != 0 && at_ + 1 == f_.before && at_ < f_.zero_from;
        if (overflow_) {
            digit('#');
        } else if (at_ >= f_.zero_from && at_ < missing_) {
            digit('0');
        } else if (lone_zero && f_.fill && shown_ == 0) {
            digit('0');
        } else if (at_ < missing_ || lone_zero) {
            if (!f_.fill) out_ += ' ';
        } else {
            digit(whole_[at_ - missing_]);
        }
        ++at_;
    }
    void digit(char c) {
        out_ += c;
        begun_ = true;
    }

    const NumberFormat& f_;
    std::string_view whole_, fraction_;
    bool negative_, overflow_;
    std::size_t missing_, shown_;
    std::size_t at_ = 0;      // digit position before the point
    std::size_t places_ = 0;  // after it
    bool begun_ = false, point_ = false;
    std::size_t start_ = std::string::npos;
    std::string out_;
};

std::string with_sign(const NumberFormat& f, std::string body, std::size_t start, bool negative) {
    start = std::min(start, body.size());
    const std::size_t first = std::min(body.find_first_not_of(' ', start), body.size());
    switch (f.sign) {
        case Sign::leading:
            return body.insert(first, negative ? "-" : "+");
        case Sign::trailing:
            return body + (negative ? "-" : "+");
        case Sign::brackets:
            if (negative) return body.insert(first, "<") + ">";
            return f.fill ? body : body.insert(start, " ") + " ";
        case Sign::minus:
        case Sign::both:
            return body;
        case Sign::plain:
        case Sign::plus:  // PL shows the plus only; a minus stands before the digits
            if (negative) return body.insert(first, "-");
            return f.fill ? body : body.insert(start, " ");
    }
    return body;
}

Datum number_to_char(EvalContext& c, const CallSite& site, const Datum* args) {
    Result<NumberFormat> f = read_format(args[1].as_bytes());
    if (!f) return c.fail(std::move(f).error());
    Result<Datum> value = cast(site.args[0], {TypeId::numeric}, args[0], c.arena);
    if (!value) return c.fail(std::move(value).error());
    const int places = static_cast<int>(std::min<std::size_t>(f->after, numeric_scale_max));
    const std::string rounded = numeric_round(value->as_bytes(), places);
    const Digits d = split_numeric(rounded);
    std::string_view whole = d.integer;
    std::string_view fraction = d.fraction;
    const std::string hashes(f->after, '#');
    if (d.special != Digits::Special::none) {
        whole = d.special == Digits::Special::nan ? "NaN" : "Infinity";
        fraction = hashes;
        // The name stands among the digits before the point and ends the number.
        if (whole.size() <= f->before) f->pattern.resize(std::min(f->pattern.find('.'), f->pattern.size()));
    } else if (whole.empty() && f->before > 0) {
        whole = "0";
    }
    const bool negative = d.negative && !d.zero();
    Filler filler(*f, whole, fraction, negative);
    std::string body = filler.run();
    return make_bytes(c, with_sign(*f, std::move(body), filler.start(), negative));
}

// to_number: the pattern's places are read loosely, as digits, point, separators and sign.
Datum to_number(EvalContext& c, const CallSite&, const Datum* args) {
    std::string digits;
    bool negative = false;
    for (const char ch : args[0].as_bytes()) {
        if ((ch >= '0' && ch <= '9') || ch == '.') digits += ch;
        if (ch == '-' || ch == '<') negative = true;
    }
    Result<std::string> out = numeric_parse((negative ? "-" : "") + digits);
    return unwrap_bytes(c, std::move(out));
}

}  // namespace

Kernel format_kernel(Func func, std::span<const Type> args, Type) {
    switch (func) {
        case Func::format:
            return format;
        case Func::to_number:
            return strict_call<to_number, 2>;
        case Func::to_char:
            if (args.empty()) return nullptr;
            if (is_integer(args[0]) || args[0].id == TypeId::numeric || args[0].id == TypeId::float8 ||
                args[0].id == TypeId::float4) {
                return strict_call<number_to_char, 2>;
            }
            return strict_call<time_to_char, 2>;
        case Func::to_date:
            return strict_call<to_date_kernel, 2>;
        case Func::to_timestamp:
            return args.size() == 2 ? strict_call<to_timestamp_format_kernel, 2> : nullptr;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
