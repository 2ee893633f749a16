"""Types and the literals that the generator draws from: ordinary values, and those at the edges."""

# Internal name -> how SQL writes it.
TYPES = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "numeric": "numeric",
    "float4": "real",
    "float8": "double precision",
    "text": "text",
    "varchar": "varchar(12)",
    "bpchar": "char(5)",
    "bytea": "bytea",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "interval": "interval",
    "jsonb": "jsonb",
    "int4range": "int4range",
    "numrange": "numrange",
    "daterange": "daterange",
    "tsrange": "tsrange",
    "int4[]": "integer[]",
    "text[]": "text[]",
    "numeric[]": "numeric[]",
    "mood": "mood",
}
NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
RANGES = ("int4range", "numrange", "daterange", "tsrange")
TEXTS = ("text", "varchar", "bpchar")

VALUES = {
    "bool": ["true", "false"],
    "int2": ["0", "1", "-1", "2", "3", "7", "100", "32767", "-32768"],
    "int4": ["0", "1", "-1", "2", "3", "5", "10", "42", "2147483647", "-2147483648"],
    "int8": ["0", "1", "-1", "2", "6", "1000", "4294967296", "9223372036854775807", "-9223372036854775808"],
    "numeric": [
        "0",
        "1",
        "-1",
        "0.5",
        "2.50",
        "-3.14",
        "100.00",
        "1e20",
        "123456789.987654321",
        "NaN",
        "0.00001",
    ],
    "float4": ["0", "1", "-1.5", "0.1", "3e10", "1e-10", "NaN", "Infinity"],
    "float8": ["0", "1", "-2.5", "0.1", "1e100", "1e-100", "NaN", "-Infinity", "123456.789"],
    "text": [
        "",
        "a",
        "b",
        "abc",
        "ABC",
        " a ",
        "a%b_c",
        "héllo",
        "O'Neil",
        "x\\y",
        "10",
        "2020-01-01",
        "zzzzzzzzzzzzzz",
    ],
    "varchar": ["", "a", "b", "abc", "Abc ", "żółw", "12345", "'"],
    "bpchar": ["", "a", "b", "abc", "x  y", "é"],
    "bytea": ["", "\\x00", "\\xdeadbeef", "\\x61", "abc"],
    "uuid": [
        "00000000-0000-0000-0000-000000000000",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ],
    "date": ["2000-01-01", "2020-02-29", "1999-12-31", "2024-07-04", "0001-01-01", "infinity"],
    "time": ["00:00", "12:34:56", "23:59:59.999999", "24:00"],
    "timestamp": [
        "2000-01-01 00:00",
        "2020-02-29 12:30:15.5",
        "1970-01-01",
        "2024-12-31 23:59:59",
        "-infinity",
    ],
    "timestamptz": ["2000-01-01 00:00+00", "2020-02-29 12:30:15+02", "1970-01-01 00:00-08", "infinity"],
    "interval": ["0", "1 day", "-1 mon", "1 year 2 mons 3 days 04:05:06.7", "30 days", "-00:00:01"],
    "jsonb": [
        "null",
        "1",
        '"a"',
        "true",
        "[]",
        "{}",
        "[1, 2, null]",
        '{"a": 1}',
        '{"a": {"b": [1, "x"]}, "c": null}',
        '["a", "b"]',
        "1.50",
    ],
    "int4range": ["empty", "[1,5)", "(,3]", "[2,)", "(,)", "[3,3]", "[10,20]"],
    "numrange": ["empty", "[1,5)", "(0.5,2.5]", "[0,)", "(,1)"],
    "daterange": ["empty", "[2020-01-01,2020-02-01)", "[2020-01-15,)", "(,2000-01-01]"],
    "tsrange": ["empty", "[2020-01-01,2020-02-01)", "[2020-01-15 12:00,)"],
    "int4[]": ["{}", "{1}", "{1,2,3}", "{NULL,2}", "{3,3,1}"],
    "text[]": ["{}", "{a}", "{a,b}", '{NULL,"x y",""}', "{abc,a}"],
    "numeric[]": ["{}", "{1.50,2}", "{NaN}"],
    "mood": ["sad", "ok", "happy"],
}
SMALL = {"int2": 50, "int4": 50, "int8": 50}  # what most integers in tables are below


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def literal(rng, name, edge=0.5):
    """A typed literal; NULL now and then."""
    if rng.random() < 0.07:
        return f"NULL::{TYPES[name]}"
    if name in SMALL and rng.random() > edge:
        text = str(rng.randint(0, SMALL[name]))
    else:
        text = rng.choice(VALUES[name])
    if name == "int4" and not text.startswith("-"):
        return text
    if name == "bool":
        return text
    if name == "text" and rng.random() < 0.5:
        return f"{quote(text)}::text"
    if name == "numeric" and text[0].isdigit() and "." in text and rng.random() < 0.5:
        return text
    return f"{quote(text)}::{TYPES[name]}"


def stored(rng, name):
    """An untyped literal as INSERT has it, mostly small so that keys meet."""
    if name in SMALL and rng.random() < 0.85:
        return str(rng.randint(0, 9))
    return quote(rng.choice(VALUES[name]))
