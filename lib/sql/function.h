// Built-in operators and functions by identity, not by name: the binder picks the Func from name and argument types, the evaluator and the
// solver's encoder switch on it. An enumerator's meaning is fixed by the types of its arguments (add on two int4 is int4 addition with
// overflow check). Additive: new ones go to the end of their group.
#pragma once

#include <cstdint>
#include <string_view>

namespace anabranch::sql {

enum class Func : std::uint16_t {
    // comparison; arguments have one type; NULL in, NULL out
    eq, ne, lt, le, gt, ge,
    is_distinct, is_not_distinct,  // never NULL
    // arithmetic, also on date/time/interval where PostgreSQL has it
    add, sub, mul, div, mod, neg, abs, sign, power, sqrt, exp, ln, log, floor, ceil, round, trunc,
    bit_and, bit_or, bit_xor, bit_not, shift_left, shift_right,
    // choice
    coalesce, nullif, greatest, least,
    // text
    concat_op,  // ||
    concat, concat_ws, lower, upper, length, octet_length, substring, left, right, lpad, rpad, trim, ltrim, rtrim, replace, position,
    split_part, repeat, reverse, starts_with, ascii, chr, initcap, md5, to_char, format, quote_ident, quote_literal, translate, strpos,
    like, not_like, ilike, not_ilike, regex_match, regex_imatch, regex_not_match, regex_not_imatch, regexp_replace, similar_to,
    // generated at the origin
    now, clock_timestamp, current_date, localtimestamp, gen_random_uuid, random,
    // date and time
    extract, date_trunc, age, make_date, make_interval, to_timestamp, date_part,
    // ranges
    range_make, range_overlaps, range_contains, range_contains_elem, range_elem_contained, range_contained, range_lower, range_upper, range_isempty,
    range_lower_inc, range_upper_inc, range_adjacent, range_before, range_after, range_union, range_intersect,
    // arrays
    array_length, cardinality, array_append, array_position, array_cat, array_element, array_contains, array_contained, array_overlaps, array_to_string, string_to_array,
    // json
    json_get, json_get_text, json_path, json_path_text, json_contains, json_contained, json_exists, json_exists_any, json_exists_all,
    jsonb_build_object, jsonb_build_array, to_jsonb, jsonb_typeof, jsonb_array_length, jsonb_set,
    // session and catalog
    current_user, current_database, current_schema, current_schemas, version, pg_backend_pid, current_setting, set_config, txid_current,
    format_type, pg_get_expr, pg_get_userbyid, pg_table_is_visible, pg_type_is_visible, pg_function_is_visible, pg_get_constraintdef, pg_get_indexdef,
    pg_get_viewdef, pg_get_functiondef, pg_get_function_result, pg_get_function_arguments, pg_get_function_identity_arguments, pg_encoding_to_char, obj_description, col_description, shobj_description,
    pg_relation_size, pg_total_relation_size, pg_table_size, pg_size_pretty, has_table_privilege, has_schema_privilege, pg_is_in_recovery, pg_get_partkeydef,
    pg_relation_is_publishable, pg_get_statisticsobjdef_columns, pg_get_triggerdef, pg_get_ruledef, quote_nullable, pg_char_to_encoding,
    // a function the engine does not know, met only in schemas that are analysed and not run: strict and uninterpreted.
    // Its name is the first argument, a text Const.
    uninterpreted,
};

enum class AggregateFunc : std::uint8_t { count, sum, min, max, avg, bool_and, bool_or, array_agg, string_agg, json_agg, jsonb_agg };
enum class WindowFunc : std::uint8_t { row_number, rank, dense_rank, lag, lead, first_value, last_value, aggregate };
enum class TableFunc : std::uint8_t { unnest, generate_series, jsonb_to_recordset, jsonb_array_elements, jsonb_array_elements_text, regexp_split_to_table, string_to_table, generate_subscripts, expandarray };

}  // namespace anabranch::sql
