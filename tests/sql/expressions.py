"""Typed expressions. `safe` ones cannot fail at run time, so that engines may evaluate them in any order; all
built-in operators and functions are drawn for the others, from the very table the binder looks them up in."""
import re

from values import NUMBERS, RANGES, TEXTS, TYPES, VALUES, literal

# result -> forms that cannot fail. {x} is an operand of type x, {any} one of any type, twice the same.
SAFE = {
    "bool": [
        "{any} = {any}",
        "{any} <> {any}",
        "{any} < {any}",
        "{any} >= {any}",
        "{any} IS NULL",
        "{any} IS NOT NULL",
        "{bool} AND {bool}",
        "{bool} OR {bool}",
        "NOT {bool}",
        "{bool} IS TRUE",
        "{bool} IS NOT FALSE",
        "{bool} IS UNKNOWN",
        "{any} IS DISTINCT FROM {any}",
        "{any} IS NOT DISTINCT FROM {any}",
        "{any} BETWEEN {any} AND {any}",
        "{any} NOT BETWEEN {any} AND {any}",
        "{any} BETWEEN SYMMETRIC {any} AND {any}",
        "{any} IN ({any}, {any})",
        "{any} NOT IN ({any}, {any}, {any})",
        "{text} LIKE '%a%'",
        "{text} NOT LIKE '_b%'",
        "{text} ILIKE 'A%'",
        "{text} ~ '^[a-c]+$'",
        "{text} !~* 'B'",
        "{text} SIMILAR TO 'a(b|c)*'",
        "{int4} = ANY ({int4[]})",
        "{text} <> ALL ({text[]})",
        "{int4} < ALL (ARRAY[{int4}, {int4}])",
        "{int4range} @> {int4}",
        "{int4range} && {int4range}",
        "{numrange} <@ {numrange}",
        "{daterange} @> {date}",
        "{int4range} << {int4range}",
        "{numrange} -|- {numrange}",
        "isempty({tsrange})",
        "upper_inf({int4range})",
        "{int4[]} @> {int4[]}",
        "{text[]} && {text[]}",
        "{jsonb} @> {jsonb}",
        "{jsonb} ? 'a'",
        "{jsonb} ?| ARRAY['a', 'b']",
        "({any}, {text}) = ({any}, {text})",
        "({int4}, {any}) < ({int4}, {any})",
        "({any}, {bool}) IS NULL",
        "starts_with({text}, {text})",
        "{int4} = {int8}",
        "{int2} < {numeric}",
        "{float8} >= {int4}",
        "{varchar} = {text}",
        "{bpchar} = {text}",
        "{date} < {timestamp}",
        "{timestamptz} >= {date}",
    ],
    "int2": [
        "{int2} % 7::smallint",
        "({int4} % 100)::smallint",
        "- ({int2} % 5::smallint)",
        "{int2} & {int2}",
    ],
    "int4": [
        "{int4} % 7",
        "({int4} % 100) + ({int4} % 100)",
        "({int4} % 50) * 3",
        "({int4} % 50) / 4",
        "length({text})",
        "{int4} & {int4}",
        "{int4} | 1",
        "~ {int4}",
        "{int4} # {int4}",
        "octet_length({text})",
        "cardinality({int4[]})",
        "array_length({text[]}, 1)",
        "({int2} % 50::smallint) - 10",
        "ascii({text})",
        "position({text} IN {text})",
        "abs({int4} % 100)",
        "mod({int4}, 9)",
        "char_length({bpchar})",
        "array_position({int4[]}, {int4})",
        "sign({int4})::int",
        "num_nulls({any}, {int4})",
        "coalesce(lower({int4range}), 0)",
        "length({bytea})",
        "({int4[]})[1]",
        "({bool})::int",
    ],
    "int8": [
        "{int8} % 1000",
        "({int4} % 100)::bigint * 1000000000",
        "({int8} % 100) + ({int4} % 10)",
        "{int8} & {int8}",
        "(SELECT count(*) FROM generate_series(1, abs({int4} % 4)))",
    ],
    "numeric": [
        "{numeric} + {numeric}",
        "{numeric} - {numeric}",
        "- {numeric}",
        "({int4} % 100) * 1.5",
        "round({numeric}, 2)",
        "trunc({numeric})",
        "floor({numeric})",
        "ceil({numeric})",
        "abs({numeric})",
        "{int4}::numeric",
        "upper({numrange})",
        "({int4} % 50) / 7.0",
        "round(({int4} % 99)::numeric / 7, 3)",
        "sign({numeric})",
    ],
    "float4": ["({int4} % 100)::real", "- {float4}", "abs({float4})"],
    "float8": [
        "({int4} % 100) * 0.5::float8",
        "- {float8}",
        "abs({float8})",
        "floor({float8})",
        "({int2})::float8 / 4",
        "{float4}::float8",
        "sqrt(abs({int4} % 100))",
        "round({float8})",
        "sign({float8})",
    ],
    "text": [
        "{text} || {text}",
        "{text} || {any}",
        "lower({text})",
        "upper({text})",
        "initcap({text})",
        "trim({text})",
        "left({text}, 3)",
        "right({text}, -1)",
        "substr({text}, 2, 3)",
        "substring({text} FROM 2)",
        "reverse({text})",
        "replace({text}, 'a', 'xx')",
        "{any}::text",
        "concat({any}, {text}, {bool})",
        "concat_ws('-', {text}, {any})",
        "repeat({text}, {int4} % 3)",
        "lpad({text}, 6, '*')",
        "rpad({text}, 4)",
        "split_part({text}, 'b', 1)",
        "translate({text}, 'abc', 'xy')",
        "md5({text})",
        "{varchar}::text",
        "{jsonb} ->> 'a'",
        "{jsonb} #>> '{{a,b}}'",
        "quote_literal({text})",
        "ltrim({text}, 'a ')",
        "overlay({text} PLACING 'zz' FROM 2 FOR 1)",
        "to_hex({int4})",
        "array_to_string({text[]}, ',', '?')",
        "({text[]})[2]",
        "{bpchar} || '|'",
        "format('%s-%L', {any}, {text})",
        "encode({bytea}, 'hex')",
        "jsonb_typeof({jsonb})",
        "to_char({numeric}, 'FM999,990.00')",
        "to_char({int4}, '9999')",
        "to_char({timestamp}, 'YYYY-MM-DD HH24:MI:SS.US Day')",
        "to_char({date}, 'DD Mon YYYY')",
    ],
    "varchar": ["left({text}, 12)::varchar(12)", "{text}::varchar(12)"],
    "bpchar": ["{text}::char(5)"],
    "bytea": ["{bytea} || {bytea}", "decode(md5({text}), 'hex')", "substring({bytea} FROM 2 FOR 1)"],
    "uuid": ["md5({text})::uuid"],
    "date": ["date '2020-01-31' + {int2}::int % 1000", "make_date(2020, 1 + abs({int4} % 12), 1)"],
    "time": ["time '10:00' + interval '90 minutes' * ({int4} % 20)", "make_time(abs({int4} % 24), 30, 1.5)"],
    "timestamp": [
        "timestamp '2020-01-31 10:00' + interval '1 month' * ({int4} % 100)",
        "date_trunc('month', timestamp '2021-05-17 3:04' + interval '7 days' * ({int2} % 99::smallint))",
        "{timestamptz} AT TIME ZONE 'UTC'",
    ],
    "timestamptz": ["{timestamp} AT TIME ZONE 'UTC'", "{timestamp}::timestamptz"],
    "interval": [
        "interval '1 day 2 hours' * ({int4} % 10)",
        "- {interval}",
        "justify_hours({interval})",
        "timestamp '2020-03-01' - (timestamp '2020-01-31' + interval '1 hour' * ({int4} % 999))",
    ],
    "jsonb": [
        "{jsonb} -> 'a'",
        "{jsonb} -> 0",
        "to_jsonb({any})",
        "jsonb_build_object('k', {any}, 'l', {text})",
        "jsonb_build_array({any}, {int4})",
        "{jsonb} #> '{{a}}'",
        "{jsonb} || {jsonb}",
        "jsonb_strip_nulls({jsonb})",
    ],
    "int4range": ["int4range(abs({int4} % 5), 5 + abs({int4} % 5))", "{int4range} * {int4range}"],
    "numrange": ["{numrange} * {numrange}"],
    "daterange": ["{daterange} * {daterange}"],
    "tsrange": ["{tsrange} * {tsrange}"],
    "int4[]": [
        "ARRAY[{int4}, {int4}]",
        "{int4[]} || {int4}",
        "array_remove({int4[]}, {int4})",
        "{int4[]} || {int4[]}",
    ],
    "text[]": ["ARRAY[{text}, {text}]", "array_append({text[]}, {text})", "string_to_array({text}, 'b')"],
    "numeric[]": ["ARRAY[{numeric}, 1.5]"],
    "mood": [],
}
ANY = [
    "CASE WHEN {bool} THEN {t} ELSE {t} END",
    "CASE WHEN {bool} THEN {t} END",
    "coalesce({t}, {t})",
    "nullif({t}, {t})",
    "CASE {int4} WHEN 1 THEN {t} WHEN {int4} THEN {t} ELSE {t} END",
]
ORDERED = ["greatest({t}, {t})", "least({t}, {t})"]
ARITHMETIC = {"int2", "int4", "int8", "numeric", "float4", "float8"}
OPERATORS = ["+", "-", "*", "/", "=", "<", "||", "@>", "&&", "->", "~", "%", "AND"]
# Not comparable from run to run or from server to server.
SKIPPED = {
    "random",
    "now",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "current_date",
    "current_timestamp",
    "localtimestamp",
    "gen_random_uuid",
    "uuid_generate_v4",
    "age",
    "row_to_json",
    "like_escape",
    "similar_to_escape",
    "repeat",
    "lpad",
    "rpad",
    "array_fill",
    "regexp_replace",
    "to_char",
    "timezone",
    "to_date",
    "to_timestamp",
    "to_number",
    "right",  # of the least integer: 15.18 and 15.20 differ
}
PATTERN = re.compile(r"\{\{|\}\}|\{([a-z0-9]+(?:\[\])?)\}")


class Expressions:
    """Draws expressions over a scope, a list of (text, type)."""

    def __init__(self, rng, builtins=()):
        self.rng = rng
        self.forms = {}  # result -> [(form, ...)] of the built-ins
        for kind, name, signature in builtins:
            self.add_builtin(kind, name, signature)

    # ---- safe ones

    def expr(self, name, scope, depth=3):
        rng = self.rng
        columns = [text for text, of in scope if of == name]
        if columns and rng.random() < (0.9 if depth <= 0 else 0.4):
            return rng.choice(columns)
        if depth <= 0 or rng.random() < 0.15:
            return literal(rng, name)
        forms = SAFE[name]
        if not forms or rng.random() < 0.2:
            forms = ANY + (ORDERED if name not in ("jsonb",) else [])
        return "(" + self.fill(rng.choice(forms), name, scope, depth - 1) + ")"

    def fill(self, form, name, scope, depth):
        other = self.rng.choice(list(TYPES))
        if scope and self.rng.random() < 0.7:
            other = self.rng.choice(scope)[1]

        def operand(match):
            if match.group(1) is None:
                return match.group(0)[0]
            wanted = {"any": other, "t": name}.get(match.group(1), match.group(1))
            return self.expr(wanted, scope, depth)

        return PATTERN.sub(operand, form)

    def condition(self, scope, depth=2):
        return self.expr("bool", scope, depth)

    # ---- all built-ins

    def add_builtin(self, kind, name, signature):
        if name in SKIPPED or kind not in ("operator", "function"):
            return
        arguments, result = signature.split(">") if ">" in signature else (signature, "")
        arguments, result = arguments.split(), result.strip()
        if "..." in arguments:
            arguments = arguments[: arguments.index("...")] * 2
        for concrete in self.concrete(arguments + [result]):
            *args, out = concrete
            if out not in TYPES or any(a not in TYPES for a in args):
                continue
            holes = ["{" + a + "}" for a in args]
            if kind == "operator":
                form = f"{holes[0]} {name} {holes[1]}" if len(holes) == 2 else f"{name} {holes[0]}"
            else:
                form = f"{name}({', '.join(holes)})"
            self.forms.setdefault(out, []).append(form)

    @staticmethod
    def concrete(names):
        """The signatures behind anyelement, anyrange and their like."""
        elements = {"int4range": "int4", "numrange": "numeric", "daterange": "date", "tsrange": "timestamp"}
        if any(n.startswith("anyrange") for n in names):
            for r, e in elements.items():
                yield [{"anyrange": r, "anyrangeelement": e}.get(n, n) for n in names]
        elif any(n.startswith("anyarray") or n == "anyelement" for n in names):
            for array in ("int4[]", "text[]"):
                both = {"anyarray": array, "anyelement": array[:-2], "anyelement[]": array}
                yield [both.get(n, n) for n in names]
        elif any(n.startswith("any") for n in names):
            for t in ("int4", "text", "numeric", "date", "bool", "mood"):
                yield [t if n.startswith("any") else n for n in names]
        else:
            yield names

    def risky(self, name, scope, depth=2):
        """May fail: overflow, division by zero, bad text, ..."""
        rng = self.rng
        if depth <= 0:
            return self.expr(name, scope, 0)
        forms = self.forms.get(name, [])
        kind = rng.random()
        if forms and kind < 0.65:
            return "(" + self.fill_risky(rng.choice(forms), scope, depth - 1) + ")"
        if kind < 0.8:
            source = rng.choice(
                NUMBERS + TEXTS + RANGES + ("date", "timestamp", "timestamptz", "interval", "jsonb")
            )
            return f"{self.risky(source, scope, depth - 1)}::{TYPES[name]}"
        return self.expr(name, scope, depth)

    def fill_risky(self, form, scope, depth):
        return PATTERN.sub(lambda m: self.risky(m.group(1), scope, depth), form)

    def wrong(self, scope):
        """What a person gets wrong: types that do not go together, names and functions that are not there."""
        rng = self.rng
        a, b = (self.expr(rng.choice(list(TYPES)), scope, 1) for _ in range(2))
        name = rng.choice(
            ["lower", "abs", "length", "sum", "nope", "upper", "coalesce", "round", "substr", "now"]
        )
        return rng.choice(
            [
                f"{a} {rng.choice(OPERATORS)} {b}",
                f"{name}({a})",
                f"{name}({a}, {b})",
                "nope",
                f"CASE WHEN {a} THEN {b} ELSE {a} END",
                f"({a})::{TYPES[rng.choice(list(TYPES))]}",
                f"{rng.choice(list(VALUES['text']))!r}::{TYPES[rng.choice(list(TYPES))]}".replace('"', "'"),
                f"coalesce({a}, {b})",
                f"{a} IN ({b}, {a})",
                f"ARRAY[{a}, {b}]",
                f"({a}).nope",
                f"({a})[1]",
                f"NOT {a}",
                f"- {a}",
            ]
        )
