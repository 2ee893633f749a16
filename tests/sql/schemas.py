"""Random schema files: tables with all kinds of constraints, and rows that keep them."""
from dataclasses import dataclass, field

from expressions import Expressions
from values import TYPES, quote, stored

KEYS = ("int4", "int8", "int2", "text", "uuid", "date", "varchar", "numeric")
COLUMNS = [
    t
    for t in TYPES
    for _ in range(4 if t in ("int4", "text") else 2 if t in ("int8", "numeric", "bool") else 1)
]
HEAD = """CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN small AS integer CHECK (VALUE < 1000000);
CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE);
CREATE DOMAIN word AS text CONSTRAINT word_short CHECK (length(VALUE) <= 12);
"""


@dataclass
class Column:
    name: str
    type: str
    not_null: bool = False
    generated: bool = False
    default: bool = False
    domain: str = ""


@dataclass
class Table:
    name: str
    columns: list
    key: list = field(default_factory=list)  # names of the primary key's columns
    unique: list = field(default_factory=list)  # lists of names that ON CONFLICT may infer
    constraints: list = field(default_factory=list)  # names of key constraints
    serial: int = 0  # for keys that are made up

    def scope(self, alias=None):
        """Values of domains are shown as their base type: ours are, in array_agg() and the like."""
        of = alias or self.name
        return [
            (f"({of}.{c.name})::{TYPES[c.type]}" if c.domain else f"{of}.{c.name}", c.type)
            for c in self.columns
        ]

    def column(self, name):
        return next(c for c in self.columns if c.name == name)

    def writable(self):
        return [c for c in self.columns if not c.generated]


class SchemaMaker:
    def __init__(self, rng):
        self.rng = rng
        self.expressions = Expressions(rng)
        self.tables = []
        self.routines = []  # (how it is called, types of the arguments)

    def make(self):
        rng = self.rng
        text = HEAD
        for number in range(rng.randint(2, 4)):
            text += self.table(f"t{number + 1}")
        if rng.random() < 0.5:
            table = rng.choice(self.tables)
            text += f"CREATE VIEW v1 AS SELECT * FROM {table.name} WHERE {self.row_condition(table)};\n"
            self.tables.append(Table("v1", [Column(c.name, c.type, domain=c.domain) for c in table.columns]))
        for table in self.real_tables():
            if table.key == ["id"]:
                text += self.procedures(table)
        return text

    def procedures(self, table):
        """Calls that add to a column, which so becomes a counter, drop a row, and list."""
        rng = self.rng
        name, key = table.name, table.column("id").type
        plain = [c for c in table.columns if c.name != "id" and not c.generated and not c.domain]
        numbers = [c.name for c in plain if c.type in ("int4", "int8")]
        rng.shuffle(numbers)
        out = ""
        for verb, form in (("add", "{c} = {c} + amount"), ("less", "{c} = {c} - amount")):
            if not numbers:
                break
            head = f"{verb}_{name}(k {TYPES[key]}, amount int)"
            change = form.format(c=numbers.pop())
            guard = rng.choice(["", f"SELECT (EXISTS (SELECT 1 FROM {name} WHERE id = k))::holds; "])
            out += (
                f"CREATE PROCEDURE {head} BEGIN ATOMIC {guard}UPDATE {name} SET {change} WHERE id = k; END;\n"
            )
            self.routines.append((f"CALL {verb}_{name}({{}}, {{}})", (key, "int4")))
        out += (
            f"CREATE PROCEDURE drop_{name}(k {TYPES[key]}) "
            f"BEGIN ATOMIC DELETE FROM {name} WHERE id = k; END;\n"
        )
        self.routines.append((f"CALL drop_{name}({{}})", (key,)))
        shown = rng.choice(plain or table.columns)
        out += (
            f"CREATE FUNCTION list_{name}(k {TYPES[key]}) "
            f"RETURNS TABLE (id {TYPES[key]}, shown {TYPES[shown.type]}) "
            f"STABLE BEGIN ATOMIC SELECT id, {shown.name} FROM {name} WHERE id >= k; END;\n"
        )
        self.routines.append((f"SELECT * FROM list_{name}({{}})", (key,)))
        return out

    def real_tables(self):
        return [t for t in self.tables if t.name.startswith("t")]

    def row_condition(self, table, depth=1):
        return self.expressions.condition([(c.name, c.type) for c in table.columns if not c.generated], depth)

    def table(self, name):
        rng = self.rng
        columns = [Column("id", rng.choice(KEYS), not_null=True)] if rng.random() < 0.85 else []
        for i in range(rng.randint(2, 6)):
            columns.append(Column("abcdefg"[i], rng.choice(COLUMNS), rng.random() < 0.15))
        table = Table(name, columns)
        lines = [self.column(table, c) for c in columns]
        if rng.random() < 0.15:
            plain = [(c.name, c.type) for c in columns if c.type != "mood"]
            generated = Column("z", rng.choice(["int4", "text", "numeric", "bool"]), generated=True)
            value = self.immutable(generated.type, plain)
            lines.append(f"z {TYPES[generated.type]} GENERATED ALWAYS AS ({value}) STORED")
            columns.append(generated)
        lines += self.key(table) + self.checks(table) + self.reference(table)
        out = f"CREATE TABLE {name} (\n    " + ",\n    ".join(lines) + "\n);\n" + self.indexes(table)
        self.tables.append(table)
        return out

    def immutable(self, type_name, scope):
        """PostgreSQL refuses what depends on settings in a generated column or an index."""
        forms = {
            "int4": ["{int4} % 7", "length({text})", "coalesce({int4}, 0)", "cardinality({int4[]})"],
            "text": ["lower({text})", "{text} || '!'", "coalesce({text}, 'none')", "left({text}, 2)"],
            "numeric": ["{numeric} * 2", "round({numeric}, 1)"],
            "bool": ["{int4} > 3", "{text} IS NULL", "{numeric} = 1"],
        }
        by_type = {}
        for text, of in scope:
            by_type.setdefault(of, []).append(text)
        usable = [
            form.replace("{" + of + "}", self.rng.choice(names))
            for form in forms[type_name]
            for of, names in by_type.items()
            if "{" + of + "}" in form
        ]
        return (
            self.rng.choice(usable)
            if usable
            else {"int4": "7", "text": "'g'", "numeric": "1.5", "bool": "true"}[type_name]
        )

    def column(self, table, column):
        rng = self.rng
        written = TYPES[column.type]
        if column.type == "int4" and rng.random() < 0.15:
            written = column.domain = "small"
        if column.type == "text" and rng.random() < 0.15:
            written = column.domain = "word"
        if column.type == "numeric" and rng.random() < 0.4 and column.name != "id":
            written = "numeric(8,2)"
        line = f"{column.name} {written}"
        if column.name != "id" and rng.random() < 0.25:
            column.default = True
            line += f" DEFAULT {stored(rng, column.type)}"
        if column.not_null:
            line += " NOT NULL"
        return line

    def key(self, table):
        rng = self.rng
        out = []
        if table.columns[0].name == "id":
            table.key = ["id"]
            second = table.columns[1]
            if rng.random() < 0.2 and second.type in KEYS:
                table.key = ["id", second.name]
                second.not_null = True
            out.append(f"PRIMARY KEY ({', '.join(table.key)})")
            table.constraints.append(f"{table.name}_pkey")
            table.unique.append(table.key)
        for c in table.columns[1:]:
            if c.type in KEYS and not c.generated and rng.random() < 0.12:
                deferred = rng.choice(["", "", "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"])
                nulls = " NULLS NOT DISTINCT" if rng.random() < 0.15 else ""
                out.append(f"CONSTRAINT {table.name}_{c.name}_once UNIQUE{nulls} ({c.name}){deferred}")
                if not deferred:
                    table.unique.append([c.name])
                    table.constraints.append(f"{table.name}_{c.name}_once")
        ranges = [
            c.name for c in table.columns if c.type in ("int4range", "daterange", "tsrange", "numrange")
        ]
        if ranges and rng.random() < 0.3:
            out.append(f"CONSTRAINT {table.name}_apart EXCLUDE USING gist ({ranges[0]} WITH &&)")
        return out

    def checks(self, table):
        rng = self.rng
        out = []
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            name = rng.choice([f"CONSTRAINT {table.name}_check{len(out)} ", ""])
            column = rng.choice([c for c in table.columns if not c.generated])
            likely = {
                "int4": f"{column.name} < 1000",
                "int8": f"{column.name} >= -1",
                "text": f"length({column.name}) < 12",
                "numeric": f"{column.name} <> 'NaN'",
                "bool": f"{column.name} OR NOT {column.name}",
            }.get(column.type, f"{column.name} IS NULL OR {column.name} = {column.name}")
            out.append(f"{name}CHECK ({likely})")
        return out

    def reference(self, table):
        rng = self.rng
        parents = [p for p in self.tables if len(p.key) == 1]
        if not parents or rng.random() < 0.4:
            return []
        parent = rng.choice(parents)
        of = parent.column(parent.key[0]).type
        column = Column("ref", of, rng.random() < 0.2)
        table.columns.append(column)
        action = rng.choice(
            ["", "", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE RESTRICT", " ON UPDATE CASCADE"]
        )
        deferred = rng.choice(["", "", "", " DEFERRABLE INITIALLY DEFERRED", " DEFERRABLE"])
        null = " NOT NULL" if column.not_null else ""
        return [
            f"ref {TYPES[of]}{null} CONSTRAINT {table.name}_ref REFERENCES {parent.name}{action}{deferred}"
        ]

    def indexes(self, table):
        rng = self.rng
        out = ""
        sortable = [c for c in table.columns if c.type in KEYS and not c.generated]
        for number in range(rng.choice([0, 0, 1, 2])):
            if not sortable:
                break
            chosen = rng.sample(sortable, min(len(sortable), rng.randint(1, 2)))
            kind = rng.random()
            name = f"{table.name}_i{number}"
            names = ", ".join(c.name for c in chosen)
            if kind < 0.5:
                out += f"CREATE INDEX {name} ON {table.name} ({names});\n"
            elif kind < 0.75:
                column = chosen[0]
                out += (
                    f"CREATE UNIQUE INDEX {name} ON {table.name} ({names}) WHERE {column.name} IS NOT NULL;\n"
                )
            else:
                texts = [c.name for c in table.columns if c.type == "text"]
                if texts and rng.random() < 0.5:
                    out += f"CREATE UNIQUE INDEX {name} ON {table.name} (lower({texts[0]}), {names});\n"
        return out


def comment(text):
    return "".join(f"-- {line}\n" for line in text.splitlines())


__all__ = ["Column", "Table", "SchemaMaker", "comment", "quote"]
