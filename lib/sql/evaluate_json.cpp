// JSON operators. They read the canonical text into a tree, look or change, and print it again; values of
// type json come out with jsonb's blanks.
#include "lib/sql/evaluate_json.h"

#include <algorithm>
#include <charconv>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/json_value.h"
#include "lib/sql/record.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

using Kind = JsonValue::Kind;

bool is_json(Type type) {
    return !type.array && (type.id == TypeId::json || type.id == TypeId::jsonb);
}

JsonValue read(Type type, Datum value) {
    if (type.id == TypeId::jsonb) return read_json(value.as_bytes());
    Result<JsonValue> tree = parse_json(value.as_bytes(), false);
    return tree ? std::move(*tree) : JsonValue();
}

// What ->> gives: strings bare, null as NULL.
Datum as_text(EvalContext& c, const JsonValue& value) {
    if (value.kind == Kind::null) return {};
    if (value.kind == Kind::string) return make_bytes(c, value.text);
    return json_datum(value, c.arena);
}

std::optional<std::int64_t> as_index(std::string_view text) {
    std::int64_t index = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (status != std::errc{} || end != text.data() + text.size() || index < INT32_MIN || index > INT32_MAX)
        return {};
    return index;
}

const JsonValue* step(const JsonValue& value, std::string_view key) {
    if (value.kind == Kind::object) return value.find(key);
    const auto index = as_index(key);
    return index ? value.at(*index) : nullptr;
}

template <bool Text>
Datum get(EvalContext& c, const CallSite& site, const Datum* args) {
    const JsonValue value = read(site.args[0], args[0]);
    const bool by_index = is_integer(site.args[1]);
    const JsonValue* found = by_index ? value.at(args[1].as_integer()) : value.find(args[1].as_bytes());
    // jsonb keeps a scalar as an array of one.
    const bool is_only = by_index && (args[1].as_integer() == 0 || args[1].as_integer() == -1);
    if (is_only && value.scalar() && site.args[0].id == TypeId::jsonb) found = &value;
    if (found == nullptr) return {};
    return Text ? as_text(c, *found) : json_datum(*found, c.arena);
}

template <bool Text>
Datum get_path(EvalContext& c, const CallSite& site, const Datum* args) {
    const JsonValue value = read(site.args[0], args[0]);
    const JsonValue* found = &value;
    ArrayReader path(site.args[1], args[1].as_bytes());
    while (!path.done() && found != nullptr) {
        const Datum key = path.next();
        found = key.is_null() ? nullptr : step(*found, key.as_bytes());
    }
    if (found == nullptr) return {};
    return Text ? as_text(c, *found) : json_datum(*found, c.arena);
}

template <std::size_t Whole>
Datum contains(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::boolean(
        json_contains(read_json(args[Whole].as_bytes()), read_json(args[1 - Whole].as_bytes())));
}

bool has_key(const JsonValue& value, std::string_view key) {
    const auto is_key = [&](const JsonValue& item) { return item.kind == Kind::string && item.text == key; };
    if (value.kind == Kind::object) return value.find(key) != nullptr;
    return is_key(value) || std::any_of(value.items.begin(), value.items.end(), is_key);
}
Datum exists(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::boolean(has_key(read_json(args[0].as_bytes()), args[1].as_bytes()));
}
template <bool All>
Datum exists_many(EvalContext&, const CallSite& site, const Datum* args) {
    const JsonValue value = read_json(args[0].as_bytes());
    ArrayReader keys(site.args[1], args[1].as_bytes());
    while (!keys.done()) {
        const Datum key = keys.next();
        if (!key.is_null() && has_key(value, key.as_bytes()) != All) return Datum::boolean(!All);
    }
    return Datum::boolean(All);
}

Datum type_of(EvalContext&, const CallSite& site, const Datum* args) {
    constexpr std::string_view names[] = {"null", "boolean", "number", "string", "array", "object"};
    return Datum::bytes(names[static_cast<std::size_t>(read(site.args[0], args[0]).kind)]);
}

Datum array_length_of(EvalContext& c, const CallSite& site, const Datum* args) {
    const JsonValue value = read(site.args[0], args[0]);
    if (value.scalar()) return c.fail("22023", "cannot get array length of a scalar");
    if (value.kind != Kind::array) return c.fail("22023", "cannot get array length of a non-array");
    return Datum::integer(static_cast<std::int64_t>(value.items.size()));
}

// ---- Changing ----

Datum concat(EvalContext& c, const CallSite&, const Datum* args) {
    JsonValue a = read_json(args[0].as_bytes());
    JsonValue b = read_json(args[1].as_bytes());
    JsonValue out;
    if (a.kind == Kind::object && b.kind == Kind::object) {
        out = std::move(a);
        for (auto& field : b.fields) out.fields.push_back(std::move(field));
        normalise(out);
        return json_datum(out, c.arena);
    }
    out.kind = Kind::array;
    for (JsonValue* side : {&a, &b}) {
        if (side->kind != Kind::array) {
            out.items.push_back(std::move(*side));
        } else {
            for (JsonValue& item : side->items) out.items.push_back(std::move(item));
        }
    }
    return json_datum(out, c.arena);
}

void erase_key(JsonValue& value, std::string_view key) {
    std::erase_if(value.fields, [&](const auto& field) { return field.first == key; });
    std::erase_if(value.items,
                  [&](const JsonValue& item) { return item.kind == Kind::string && item.text == key; });
}

Datum remove(EvalContext& c, const CallSite& site, const Datum* args) {
    JsonValue value = read_json(args[0].as_bytes());
    if (value.scalar()) return c.fail("22023", "cannot delete from scalar");
    if (is_integer(site.args[1])) {
        if (value.kind == Kind::object)
            return c.fail("22023", "cannot delete from object using integer index");
        if (const JsonValue* item = value.at(args[1].as_integer()))
            value.items.erase(value.items.begin() + (item - value.items.data()));
    } else if (site.args[1].array) {
        ArrayReader keys(site.args[1], args[1].as_bytes());
        while (!keys.done()) {
            const Datum key = keys.next();
            if (!key.is_null()) erase_key(value, key.as_bytes());
        }
    } else {
        erase_key(value, args[1].as_bytes());
    }
    return json_datum(value, c.arena);
}

enum class Edit : std::uint8_t { set, create, insert_before, insert_after, erase };

// One change at the end of a path.
class Editor {
  public:
    Editor(EvalContext& c, Edit edit, const std::vector<Datum>& path, const JsonValue* fresh)
        : context_(c), edit_(edit), path_(path), fresh_(fresh) {}

    // False after a failure.
    bool apply(JsonValue& value, std::size_t level) {
        if (path_[level].is_null()) {
            context_.fail("22004", "path element at position " + std::to_string(level + 1) + " is null");
            return false;
        }
        const std::string_view key = path_[level].as_bytes();
        const bool last = level + 1 == path_.size();
        if (value.kind == Kind::object)
            return last ? change_field(value, key) : descend(const_cast<JsonValue*>(value.find(key)), level);
        if (value.kind != Kind::array) return true;
        const auto index = as_index(key);
        if (!index) {
            context_.fail(sqlstate::invalid_text_representation,
                          "path element at position " + std::to_string(level + 1) + " is not an integer: \"" +
                              std::string(key) + "\"");
            return false;
        }
        return last ? change_item(value, *index) : descend(const_cast<JsonValue*>(value.at(*index)), level);
    }

  private:
    bool descend(JsonValue* child, std::size_t level) { return child == nullptr || apply(*child, level + 1); }

    bool change_field(JsonValue& object, std::string_view key) {
        auto* found = const_cast<JsonValue*>(object.find(key));
        if (edit_ == Edit::erase) {
            erase_key(object, key);
        } else if (edit_ == Edit::insert_before || edit_ == Edit::insert_after) {
            if (found != nullptr) {
                context_.fail(Error::make("22023", "cannot replace existing key")
                                  .with_hint("Try using the function jsonb_set to replace key value."));
                return false;
            }
            object.fields.emplace_back(std::string(key), *fresh_);
        } else if (found != nullptr) {
            *found = *fresh_;
        } else if (edit_ == Edit::create) {
            object.fields.emplace_back(std::string(key), *fresh_);
        }
        return true;
    }

    bool change_item(JsonValue& array, std::int64_t index) {
        auto* found = const_cast<JsonValue*>(array.at(index));
        if (found == nullptr) {
            // Beyond an end: there, if something may be added at all.
            if (edit_ == Edit::erase || edit_ == Edit::set) return true;
            array.items.insert(index < 0 ? array.items.begin() : array.items.end(), *fresh_);
            return true;
        }
        const auto at = array.items.begin() + (found - array.items.data());
        switch (edit_) {
            case Edit::erase:
                array.items.erase(at);
                break;
            case Edit::set:
            case Edit::create:
                *at = *fresh_;
                break;
            case Edit::insert_before:
                array.items.insert(at, *fresh_);
                break;
            case Edit::insert_after:
                array.items.insert(at + 1, *fresh_);
                break;
        }
        return true;
    }

    EvalContext& context_;
    Edit edit_;
    const std::vector<Datum>& path_;
    const JsonValue* fresh_;
};

Datum edit_path(EvalContext& c, const CallSite& site, const Datum* args, Edit edit, const JsonValue* fresh) {
    JsonValue value = read_json(args[0].as_bytes());
    if (value.scalar())
        return c.fail("22023",
                      edit == Edit::erase ? "cannot delete path in scalar" : "cannot set path in scalar");
    const std::vector<Datum> path = array_elements(site.args[1], args[1].as_bytes());
    const bool empty = value.items.empty() && value.fields.empty();
    if (path.empty() || (empty && (edit == Edit::set || edit == Edit::erase))) return args[0];
    if (!Editor(c, edit, path, fresh).apply(value, 0)) return {};
    normalise(value);
    return json_datum(value, c.arena);
}
Datum remove_path(EvalContext& c, const CallSite& site, const Datum* args) {
    return edit_path(c, site, args, Edit::erase, nullptr);
}
Datum set(EvalContext& c, const CallSite& site, const Datum* args) {
    const JsonValue fresh = read_json(args[2].as_bytes());
    const bool create = site.args.size() < 4 || args[3].as_bool();
    return edit_path(c, site, args, create ? Edit::create : Edit::set, &fresh);
}
Datum insert(EvalContext& c, const CallSite& site, const Datum* args) {
    const JsonValue fresh = read_json(args[2].as_bytes());
    const bool after = site.args.size() > 3 && args[3].as_bool();
    return edit_path(c, site, args, after ? Edit::insert_after : Edit::insert_before, &fresh);
}

void strip(JsonValue& value) {
    std::erase_if(value.fields, [](const auto& field) { return field.second.kind == Kind::null; });
    for (auto& [key, item] : value.fields) strip(item);
    for (JsonValue& item : value.items) strip(item);
}
Datum strip_nulls(EvalContext& c, const CallSite&, const Datum* args) {
    JsonValue value = read_json(args[0].as_bytes());
    strip(value);
    return json_datum(value, c.arena);
}
Datum pretty(EvalContext& c, const CallSite&, const Datum* args) {
    std::string out;
    print_json_pretty(read_json(args[0].as_bytes()), out);
    return make_bytes(c, out);
}

// ---- Building ----

Datum to_json(EvalContext& c, const CallSite& site, const Datum* args) {
    std::string out;
    append_json(out, site.args[0], args[0], c.labels);
    return json_result(c, site.result, out);
}

Datum build_array(EvalContext& c, const CallSite& site, const Datum* args) {
    std::string out = "[";
    for (std::size_t i = 0; i < site.args.size(); ++i) {
        if (i > 0) out += ", ";
        append_json(out, site.args[i], args[i], c.labels);
    }
    return json_result(c, site.result, out + "]");
}

Datum build_object(EvalContext& c, const CallSite& site, const Datum* args) {
    if (site.args.size() % 2 != 0) {
        return c.fail(
            Error::make("22023", "argument list must have even number of elements")
                .with_hint("The arguments of the function must consist of alternating keys and values."));
    }
    std::string out = "{";
    for (std::size_t i = 0; i < site.args.size(); i += 2) {
        if (args[i].is_null())
            return c.fail("22023", "argument " + std::to_string(i + 1) + ": key must not be null");
        if (i > 0) out += ", ";
        append_json_key(out, site.args[i], args[i], c.labels);
        out += " : ";
        append_json(out, site.args[i + 1], args[i + 1], c.labels);
    }
    return json_result(c, site.result, out + "}");
}

// jsonb_object('{a,1,b,2}') or jsonb_object(keys, values)
Datum object_of_arrays(EvalContext& c, const CallSite& site, const Datum* args) {
    std::vector<Datum> keys = array_elements(site.args[0], args[0].as_bytes());
    std::vector<Datum> values;
    if (site.args.size() > 1) {
        values = array_elements(site.args[1], args[1].as_bytes());
        if (values.size() != keys.size()) return c.fail("2202E", "mismatched array dimensions");
    } else {
        if (keys.size() % 2 != 0) return c.fail("2202E", "array must have even number of elements");
        std::vector<Datum> odd;
        for (std::size_t i = 0; i < keys.size(); i += 2) {
            odd.push_back(keys[i]);
            values.push_back(keys[i + 1]);
        }
        keys = std::move(odd);
    }
    JsonValue out;
    out.kind = Kind::object;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].is_null()) return c.fail("22004", "null value not allowed for object key");
        out.fields.emplace_back(
            std::string(keys[i].as_bytes()),
            values[i].is_null() ? JsonValue() : JsonValue::of_string(values[i].as_bytes()));
    }
    normalise(out);
    return json_datum(out, c.arena);
}

// Elements of an array from dimension `depth` on, as nested JSON arrays.
void append_array(std::string& out, ArrayReader& reader, Type element, std::size_t depth,
                  const EnumLabels* labels) {
    out += '[';
    for (std::int32_t i = 0; i < reader.dimensions()[depth].size; ++i) {
        if (i > 0) out += ',';
        if (depth + 1 < reader.dimensions().size()) {
            append_array(out, reader, element, depth + 1, labels);
        } else {
            append_json(out, element, reader.next(), labels);
        }
    }
    out += ']';
}

}  // namespace

namespace {

// As ISO 8601 has it: 2024-07-01T10:00:00+02:00.
std::string iso_time(Type type, Datum value, const EnumLabels* labels) {
    std::string text;
    print_text(type, value, text, labels);
    if (const auto blank = text.find(' '); blank != std::string::npos && text[0] != '-' && text[0] != 'i')
        text[blank] = 'T';
    if (const auto sign = text.find_first_of("+-", std::min<std::size_t>(text.size(), 10));
        sign != std::string::npos && text.find(':', sign) == std::string::npos)
        text.insert(sign + 3, ":00");
    return text;
}

bool is_timestamp(Type type) {
    return !type.array && (type.id == TypeId::timestamp || type.id == TypeId::timestamptz);
}

}  // namespace

void append_json_key(std::string& out, Type type, Datum value, const EnumLabels* labels) {
    std::string text;
    if (type.id == TypeId::bool_ && !type.array)
        text = value.as_bool() ? "true" : "false";
    else if (is_timestamp(type))
        text = iso_time(type, value, labels);
    else
        print_text(type, value, text, labels);
    print_json_string(text, out);
}

// tidy: table
void append_json(std::string& out, Type type, Datum value, const EnumLabels* labels) {
    if (value.is_null()) {
        out += "null";
        return;
    }
    if (type.array) {
        ArrayReader reader(type, value.as_bytes());
        if (reader.size() == 0) {
            out += "[]";
        } else {
            append_array(out, reader, element_of(type), 0, labels);
        }
        return;
    }
    std::string text;
    switch (type.id) {
        case TypeId::bool_:
            out += value.as_bool() ? "true" : "false";
            return;
        case TypeId::json:
        case TypeId::jsonb:
            out += value.as_bytes();
            return;
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
        case TypeId::numeric:
        case TypeId::float4:
        case TypeId::float8:
            print_text(type, value, text, labels);
            if (text.find_first_of("NI") == std::string::npos) {
                out += text;
            } else {
                print_json_string(text, out);
            }
            return;
        case TypeId::timestamp:
        case TypeId::timestamptz:
            text = iso_time(type, value, labels);
            print_json_string(text, out);
            return;
        case TypeId::record: {
            out += '{';
            bool first = true;
            for (const RecordField& field : read_record(value.as_bytes())) {
                if (!first) out += ',';
                first = false;
                print_json_string(field.name, out);
                out += ':';
                append_json(out, field.type, field.value, labels);
            }
            out += '}';
            return;
        }
        default:
            print_text(type, value, text, labels);
            print_json_string(text, out);
            return;
    }
}

Datum json_result(EvalContext& context, Type type, std::string_view text) {
    if (type.id == TypeId::json) return make_bytes(context, text);
    if (text.size() > text_bytes_max) return context.fail("54000", "requested length too large");
    return unwrap(context, parse_text({TypeId::jsonb}, text, context.arena, context.labels));
}

// tidy: table
Kernel json_kernel(Func func, std::span<const Type> args, Type result) {
    const std::size_t n = args.size();
    switch (func) {
        case Func::concat_op:
            return is_json(result) ? strict_call<concat, 2> : nullptr;
        case Func::json_get:
            return strict_call<get<false>, 2>;
        case Func::json_get_text:
            return strict_call<get<true>, 2>;
        case Func::json_path:
            return strict_call<get_path<false>, 2>;
        case Func::json_path_text:
            return strict_call<get_path<true>, 2>;
        case Func::json_contains:
            return strict_call<contains<0>, 2>;
        case Func::json_contained:
            return strict_call<contains<1>, 2>;
        case Func::json_exists:
            return strict_call<exists, 2>;
        case Func::json_exists_any:
            return strict_call<exists_many<false>, 2>;
        case Func::json_exists_all:
            return strict_call<exists_many<true>, 2>;
        case Func::json_delete:
            return strict_call<remove, 2>;
        case Func::json_delete_path:
            return strict_call<remove_path, 2>;
        case Func::jsonb_set:
            return strict<set>(n);
        case Func::jsonb_insert:
            return strict<insert>(n);
        case Func::jsonb_strip_nulls:
            return strict_call<strip_nulls, 1>;
        case Func::jsonb_pretty:
            return strict_call<pretty, 1>;
        case Func::jsonb_typeof:
            return strict_call<type_of, 1>;
        case Func::jsonb_array_length:
            return strict_call<array_length_of, 1>;
        case Func::jsonb_object:
            return strict<object_of_arrays>(n);
        case Func::to_jsonb:
        case Func::row_to_json:
            return strict_call<to_json, 1>;
        case Func::jsonb_build_array:
            return build_array;
        case Func::jsonb_build_object:
            return build_object;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
