"""Random statements over a schema. Queries are made of parts that cannot fail at run time, and ordered where
an answer depends on the order; single expressions may fail."""
from expressions import Expressions
from values import TYPES, literal, stored

SUMMABLE = ("int2", "int4", "int8", "numeric")


class Statements:
    def __init__(self, rng, tables, builtins, routines=()):
        self.rng = rng
        self.routines = routines
        self.block = False  # between BEGIN and COMMIT
        self.tables = tables
        self.real = [t for t in tables if t.name.startswith("t")]
        self.x = Expressions(rng, builtins)
        self.aliases = 0

    def next(self):
        """(kind, statement)"""
        if self.rng.random() < (0.2 if self.block else 0.03):
            self.block = not self.block
            return "block", "BEGIN" if self.block else self.rng.choice(["COMMIT", "COMMIT", "ROLLBACK"])
        kinds = [
            ("query", 0.35, self.top_query),
            ("call", 0.05, self.call),
            ("expression", 0.14, self.expression),
            ("wrong", 0.04, self.wrong),
            ("insert", 0.22, self.insert),
            ("update", 0.08, self.update),
            ("delete", 0.05, self.delete),
            ("with", 0.03, self.modifying_with),
            ("merge", 0.04, self.merge),
        ]
        at = self.rng.random()
        for kind, share, make in kinds:
            if at < share:
                return kind, make()
            at -= share
        return "query", self.top_query()

    def call(self):
        if not self.routines:
            return self.insert()
        form, types = self.rng.choice(self.routines)
        values = ["NULL" if self.rng.random() < 0.05 else stored(self.rng, t) for t in types]
        return form.format(*values)

    def alias(self):
        self.aliases += 1
        return f"q{self.aliases}"

    # ---- queries

    def top_query(self):
        self.aliases = 0
        rng = self.rng
        if rng.random() < 0.15:
            name = "w1"
            inner, types = self.query([], 1)
            columns = [f"c{i + 1}" for i in range(len(types))]
            scope = [(f"w1.{c}", t) for c, t in zip(columns, types)]
            body, _ = self.select([], 1, [(f"{name}", scope)])
            return f"WITH {name}({', '.join(columns)}) AS ({inner}) {body}"
        return self.query([], 2)[0]

    def query(self, outer, depth):
        """(text, types of its columns)"""
        rng = self.rng
        kind = rng.random()
        if depth > 0 and kind < 0.12:
            return self.set_operation(outer, depth)
        if kind < 0.17:
            types = [rng.choice(list(TYPES)) for _ in range(rng.randint(1, 3))]
            rows = [", ".join(literal(rng, t) for t in types) for _ in range(rng.randint(1, 4))]
            return "VALUES " + ", ".join(f"({row})" for row in rows), types
        return self.select(outer, depth)

    def set_operation(self, outer, depth):
        rng = self.rng
        types = [rng.choice(["int4", "text", "numeric", "bool", "date"]) for _ in range(rng.randint(1, 3))]
        op = rng.choice(["UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"])
        sides = [self.select(outer, depth - 1, wanted=types)[0] for _ in range(2)]
        text = f"({sides[0]}) {op} ({sides[1]})"
        if rng.random() < 0.4:
            text += self.order(len(types), limit=True)
        return text, types

    def order(self, width, limit):
        """By all columns, so that what is left open is the order of equal rows."""
        rng = self.rng
        ways = ["", "", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST", " DESC NULLS FIRST"]
        columns = list(range(1, width + 1))
        rng.shuffle(columns)
        text = " ORDER BY " + ", ".join(f"{c}{rng.choice(ways)}" for c in columns)
        if limit and rng.random() < 0.4:
            text += f" LIMIT {rng.randint(0, 5)}"
            if rng.random() < 0.5:
                text += f" OFFSET {rng.randint(0, 3)}"
        return text

    def select(self, outer, depth, sources=None, wanted=None):
        rng = self.rng
        if sources is None and rng.random() < 0.05:
            text, scope = "", []
        else:
            text, scope = self.from_clause(outer, depth, sources)
        where = self.condition(scope, outer, depth) if rng.random() < 0.6 and text else None
        if text and rng.random() < 0.25:
            return self.grouped(text, scope, where, outer, wanted)
        types = wanted or [
            rng.choice(scope)[1] if scope and rng.random() < 0.7 else rng.choice(list(TYPES))
            for _ in range(rng.randint(1, 4))
        ]
        items = [self.target(t, scope, outer, depth) for t in types]
        if text and not wanted and rng.random() < 0.08 and depth > 0:
            return self.windowed(text, scope, where)
        distinct = "DISTINCT " if rng.random() < 0.12 and "jsonb" not in types else ""
        out = f"SELECT {distinct}{', '.join(items)}{text}"
        if where:
            out += f" WHERE {where}"
        if rng.random() < 0.35:
            out += self.order(len(types), limit=True)
        return out, types

    def target(self, t, scope, outer, depth):
        rng = self.rng
        if depth > 0 and rng.random() < 0.08 and t in ("int4", "int8", "text", "numeric", "date"):
            return self.scalar_subquery(t, scope + outer)
        return self.x.expr(t, scope + outer if rng.random() < 0.2 else scope or outer, rng.randint(0, 2))

    def scalar_subquery(self, t, outer):
        table = self.rng.choice(self.tables)
        alias = self.alias()
        scope = table.scope(alias)
        where = f" WHERE {self.x.condition(scope + outer, 1)}" if self.rng.random() < 0.7 else ""
        value = self.x.expr(t, scope, 1)
        return f"(SELECT {self.rng.choice(['min', 'max'])}({value}) FROM {table.name} {alias}{where})"

    def condition(self, scope, outer, depth):
        rng = self.rng
        both = scope + outer
        if depth > 0 and rng.random() < 0.25:
            return self.subquery_condition(both)
        text = self.x.condition(both, rng.randint(1, 2))
        if rng.random() < 0.2:
            text = f"({text}) {rng.choice(['AND', 'OR'])} ({self.x.condition(scope or outer, 1)})"
        return text

    def subquery_condition(self, outer):
        rng = self.rng
        table = rng.choice(self.tables)
        alias = self.alias()
        scope = table.scope(alias)
        inner = f"FROM {table.name} {alias}"
        where = self.x.condition(scope + outer, 1)
        column, t = rng.choice(scope)
        value = self.x.expr(t, outer, 1)
        return rng.choice(
            [
                f"EXISTS (SELECT 1 {inner} WHERE {where})",
                f"NOT EXISTS (SELECT 1 {inner} WHERE {where})",
                f"{value} IN (SELECT {column} {inner})",
                f"{value} NOT IN (SELECT {column} {inner} WHERE {where})",
                f"{value} = ANY (SELECT {column} {inner} WHERE {where})",
                f"{value} >= ALL (SELECT {column} {inner} WHERE {column} IS NOT NULL)",
                f"({value}, 1) IN (SELECT {column}, {rng.randint(0, 1)} {inner})",
                f"(SELECT count(*) {inner} WHERE {where}) > {rng.randint(0, 3)}",
            ]
        )

    def source(self, outer, depth):
        """(text, scope)"""
        rng = self.rng
        alias = self.alias()
        if depth > 0 and rng.random() < 0.15:
            lateral = rng.random() < 0.4
            inner, types = self.query(outer if lateral else [], depth - 1)
            columns = [f"c{i + 1}" for i in range(len(types))]
            word = "LATERAL " if lateral else ""
            return f"{word}({inner}) AS {alias}({', '.join(columns)})", [
                (f"{alias}.{c}", t) for c, t in zip(columns, types)
            ]
        if rng.random() < 0.08:
            return rng.choice(
                [
                    (f"generate_series(1, {rng.randint(0, 4)}) AS {alias}(n)", [(f"{alias}.n", "int4")]),
                    (
                        f"unnest(ARRAY['a', 'b', NULL]) WITH ORDINALITY AS {alias}(v, o)",
                        [(f"{alias}.v", "text"), (f"{alias}.o", "int8")],
                    ),
                    (f"jsonb_array_elements('[1, \"a\", null]') AS {alias}(v)", [(f"{alias}.v", "jsonb")]),
                    (
                        f'jsonb_to_recordset(\'[{{"a":1,"b":"x"}},{{"a":null}}]\') AS {alias}(a int, b text)',
                        [(f"{alias}.a", "int4"), (f"{alias}.b", "text")],
                    ),
                ]
            )
        table = rng.choice(self.tables)
        return f"{table.name} {alias}", table.scope(alias)

    def from_clause(self, outer, depth, sources=None):
        rng = self.rng
        text, scope = (f"{sources[0][0]}", list(sources[0][1])) if sources else self.source(outer, depth)
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            kind = rng.choice(["JOIN", "LEFT JOIN", "CROSS JOIN", "RIGHT JOIN", "FULL JOIN", ","])
            joined, more = self.source(
                outer + scope if kind in ("JOIN", "LEFT JOIN", "CROSS JOIN", ",") else [], depth
            )
            if joined.startswith("LATERAL") and kind in ("RIGHT JOIN", "FULL JOIN"):
                kind = "LEFT JOIN"
            if kind in ("CROSS JOIN", ","):
                text += f" {kind} {joined}" if kind != "," else f" CROSS JOIN {joined}"
            else:
                text += f" {kind} {joined} ON {self.join_condition(scope, more, kind)}"
            scope = scope + more
        return f" FROM {text}", scope

    def join_condition(self, left, right, kind):
        rng = self.rng
        pairs = [(a, b) for a, t in left for b, u in right if t == u]
        if not pairs:
            return "true" if kind != "FULL JOIN" else "1 = 1"
        a, b = rng.choice(pairs)
        text = f"{a} = {b}"
        if kind != "FULL JOIN" and rng.random() < 0.25:
            text += f" AND {self.x.condition(left + right, 1)}"
        return text

    def within_group(self, t, scope):
        """An ordered-set or hypothetical-set aggregate of type t, or None."""
        rng = self.rng
        way = rng.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
        fraction = rng.choice(["0", "0.1", "0.25", "0.5", "0.9", "1", "NULL::float8"])
        some = self.x.expr(rng.choice([u for _, u in scope if u != "jsonb"] or ["int4"]), scope, 1)
        value, other = (self.x.expr("int4", scope, 1) for _ in range(2))
        by = f"WITHIN GROUP (ORDER BY {value}{way})"
        forms = {
            "int8": [
                f"rank({literal(rng, 'int4')}) {by}",
                f"dense_rank({rng.randint(-1, 3)}, {literal(rng, 'int4')}) "
                f"WITHIN GROUP (ORDER BY {value} % 3{way}, {other})",
                f"(mode() WITHIN GROUP (ORDER BY {self.x.expr('int8', scope, 1)}{way}))",
            ],
            "numeric": [
                f"round((percent_rank({literal(rng, 'int4')}) {by})::numeric, 9)",
                f"round((cume_dist({literal(rng, 'int4')}) {by})::numeric, 9)",
                f"round((percentile_cont({fraction}) {by})::numeric, 9)",
            ],
            "bool": [f"(mode() WITHIN GROUP (ORDER BY {some}{way})) IS NOT NULL"],
            "text": [f"percentile_disc({fraction}) {by.replace(value, self.x.expr('text', scope, 1))}"],
            "int4[]": [f"percentile_disc(ARRAY[0.5, NULL, {fraction}]) {by}"],
        }
        return rng.choice(forms[t])

    def aggregate(self, t, scope):
        """One of type t over columns; without regard to the order of the rows."""
        rng = self.rng
        if rng.random() < 0.12:
            return self.within_group(t, scope)
        distinct = rng.choice(["", "", "DISTINCT "])
        some = self.x.expr(rng.choice(scope)[1], scope, 1)
        forms = {
            "int8": [
                f"count({distinct}{some})",
                "count(*)",
                f"sum({distinct}({self.x.expr('int4', scope, 1)}) % 1000)",
            ],
            "numeric": [
                f"sum({distinct}{self.x.expr('numeric', scope, 1)})",
                f"avg({self.x.expr('int4', scope, 1)})",
            ],
            "bool": [f"bool_and({self.x.condition(scope, 1)})", f"bool_or({self.x.condition(scope, 1)})"],
            "text": [
                f"string_agg({(v := self.x.expr('text', scope, 1))}, ',' ORDER BY {v})",
                f"min({self.x.expr('text', scope, 1)})",
                f"string_agg(DISTINCT {self.x.expr('text', scope, 1)}, ',')",
            ],
            "int4[]": [
                f"array_agg({(w := self.x.expr('int4', scope, 1))} ORDER BY {w} DESC)",
                f"array_agg(DISTINCT {self.x.expr('int4', scope, 1)})",
            ],
        }
        text = rng.choice(forms[t])
        if rng.random() < 0.2:
            text += f" FILTER (WHERE {self.x.condition(scope, 1)})"
        return text

    def grouped(self, text, scope, where, outer, wanted):
        rng = self.rng
        groupable = [(c, t) for c, t in scope if t != "jsonb"]
        keys = rng.sample(groupable, min(len(groupable), rng.choice([0, 1, 1, 2])))
        aggregates = ["int8", "numeric", "bool", "text", "int4[]"]
        if wanted:
            types = wanted
            casts = {"int4": "int8", "date": "text"}
            items = []
            for t in types:
                of_type = [c for c, u in keys if u == t]
                if of_type:
                    items.append(of_type[0])
                elif t in aggregates:
                    items.append(self.aggregate(t, scope))
                else:
                    items.append("count(*)::int" if t == "int4" else f"{literal(rng, t)}")
                    _ = casts
        else:
            types = [t for _, t in keys] + [rng.choice(aggregates) for _ in range(rng.randint(1, 3))]
            items = [c for c, _ in keys] + [self.aggregate(t, scope) for t in types[len(keys) :]]
        out = f"SELECT {', '.join(items)}{text}"
        if where:
            out += f" WHERE {where}"
        if keys:
            out += " GROUP BY " + self.grouping([c for c, _ in keys])
            if rng.random() < 0.3:
                out += f" HAVING {self.aggregate('int8', scope)} > {rng.randint(0, 2)}"
        if not wanted and keys and rng.random() < 0.15:
            return self.windowed_groups(text, scope, where, keys)
        if rng.random() < 0.3:
            out += self.order(len(types), limit=True)
        return out, types

    def windowed_groups(self, text, scope, where, keys):
        """Window functions over what is grouped; the order is of all the keys, so that ties are equal."""
        rng = self.rng
        names = [c for c, _ in keys]
        listed = ", ".join(names)
        grouping = self.grouping(names)
        order = f"ORDER BY {listed}"
        if grouping != listed:
            order += f", grouping({listed})"
        part = rng.choice(["", f"PARTITION BY {rng.choice(names)} ", "PARTITION BY count(*) "])
        counted = self.aggregate("int8", scope)
        function = rng.choice(
            [f"sum({counted}) OVER ({part}{order})", f"rank() OVER ({part}{order}) + {counted}"]
            + [f"count(*) OVER ({part.strip()})", f"max({counted}) OVER ({part}{order} RANGE CURRENT ROW)"]
        )
        out = f"SELECT {names[0]}, {function}{text}" + (f" WHERE {where}" if where else "")
        return f"{out} GROUP BY {grouping}", [keys[0][1], "numeric"]

    def grouping(self, keys):
        rng = self.rng
        if rng.random() < 0.75:
            return ", ".join(keys)
        some = [rng.sample(keys, rng.randint(0, len(keys))) for _ in range(rng.randint(1, 3))]
        sets = [f"({', '.join(few)})" for few in some]
        listed = ", ".join(keys)
        forms = [f"ROLLUP ({listed})", f"CUBE ({listed})", f"GROUPING SETS (({listed}), {', '.join(sets)})"]
        return rng.choice(forms + [f"{keys[0]}, {forms[0]}"])

    def windowed(self, text, scope, where):
        rng = self.rng
        sortable = [c for c, t in scope]
        by = ", ".join(f"{c}{rng.choice(['', ' DESC'])}" for c in sortable)  # whole rows: ties are equal
        part = f"PARTITION BY {rng.choice(sortable)} " if rng.random() < 0.5 else ""
        column, t = rng.choice(scope)
        function, result = rng.choice(
            [
                ("row_number()", "int8"),
                ("rank()", "int8"),
                ("dense_rank()", "int8"),
                (f"lag({column})", t),
                (f"lead({column}, 2)", t),
                (f"first_value({column})", t),
                ("count(*)", "int8"),
            ]
        )
        shown, u = rng.choice(scope)
        out = f"SELECT {shown}, {function} OVER ({part}ORDER BY {by}){text}"
        if where:
            out += f" WHERE {where}"
        return out, [u, result]

    # ---- single expressions

    def expression(self):
        rng = self.rng
        self.aliases = 0
        name = rng.choice(list(TYPES))
        if rng.random() < 0.6:
            return f"SELECT {self.x.risky(name, [], rng.randint(1, 3))}"
        table = rng.choice(self.real)
        return f"SELECT {self.x.risky(name, table.scope(), rng.randint(1, 2))} FROM {table.name}"

    def wrong(self):
        rng = self.rng
        table = rng.choice(self.tables)
        wrong = self.x.wrong(table.scope())
        target = rng.choice(self.real)
        first, last = table.columns[0].name, table.columns[-1].name
        return rng.choice(
            [
                f"SELECT {wrong} FROM {table.name}",
                f"SELECT 1 FROM {table.name} WHERE {wrong}",
                f"SELECT 1 FROM {table.name} GROUP BY {table.columns[0].name} HAVING {wrong}",
                f"SELECT {wrong} FROM {table.name} ORDER BY {wrong}",
                f"SELECT {last}, count(*) FROM {table.name} GROUP BY {first}",
                f"SELECT nope.x FROM {table.name}",
                f"SELECT * FROM nope WHERE {wrong}",
                f"INSERT INTO {target.name} (nope) VALUES (1)",
                f"INSERT INTO {target.name} VALUES ({self.x.wrong([])})",
                f"UPDATE {target.name} SET {target.writable()[-1].name} = {self.x.wrong(target.scope())}",
                f"DELETE FROM {target.name} WHERE {self.x.wrong(target.scope())}",
                f"SELECT a.{first} FROM {table.name} a, {table.name} b WHERE {first} = 1",
            ]
        )

    # ---- writes

    def row(self, table, columns):
        rng = self.rng
        out = []
        for c in columns:
            if c.name in table.key and rng.random() < 0.6 and c.type in ("int4", "int8", "int2", "numeric"):
                table.serial += 1
                out.append(str(table.serial + 10))
            elif c.default and rng.random() < 0.2:
                out.append("DEFAULT")
            elif rng.random() < (0.03 if c.not_null else 0.15):
                out.append("NULL")
            else:
                out.append(stored(rng, c.type))
        return "(" + ", ".join(out) + ")"

    def insert(self):
        rng = self.rng
        self.aliases = 0
        table = rng.choice(self.real)
        columns = table.writable()
        if rng.random() < 0.2:
            columns = [c for c in columns if c.name in table.key or rng.random() < 0.7]
        if rng.random() < 0.06:
            return f"INSERT INTO {table.name} DEFAULT VALUES{self.returning(table)}"
        if rng.random() < 0.1:
            source = rng.choice(self.tables)
            scope = source.scope("s")
            items = [f"{self.x.expr(c.type, scope, 1)}" for c in columns]
            # one row, so that the first violation is the only one
            source_key = ", ".join(str(i + 1) for i in range(len(items)))
            rows = f"SELECT {', '.join(items)} FROM {source.name} s ORDER BY {source_key} LIMIT 1"
        else:
            rows = "VALUES " + ", ".join(self.row(table, columns) for _ in range(rng.choice([1, 1, 1, 2, 3])))
        names = ", ".join(c.name for c in columns)
        return f"INSERT INTO {table.name} ({names}) {rows}{self.conflict(table)}{self.returning(table)}"

    def conflict(self, table):
        rng = self.rng
        if rng.random() > 0.35:
            return ""
        if not table.unique or rng.random() < 0.25:
            return " ON CONFLICT DO NOTHING"
        chosen = rng.randrange(len(table.unique))
        target = f"({', '.join(table.unique[chosen])})"
        if rng.random() < 0.2:
            target = f"ON CONSTRAINT {table.constraints[chosen]}"
        if rng.random() < 0.3:
            return f" ON CONFLICT {target} DO NOTHING"
        free = [c for c in table.writable() if c.name not in table.key]
        if not free:
            return f" ON CONFLICT {target} DO NOTHING"
        column = rng.choice(free)
        scope = table.scope() + table.scope("excluded")
        value = rng.choice([f"excluded.{column.name}", self.x.expr(column.type, scope, 1), "DEFAULT"])
        where = f" WHERE {self.x.condition(scope, 1)}" if rng.random() < 0.3 else ""
        return f" ON CONFLICT {target} DO UPDATE SET {column.name} = {value}{where}"

    def returning(self, table):
        rng = self.rng
        if rng.random() < 0.6:
            return ""
        if rng.random() < 0.4:
            return " RETURNING *"
        return " RETURNING " + ", ".join(
            self.x.expr(rng.choice(table.columns).type, table.scope(), 1) for _ in range(2)
        )

    def some_rows(self, table):
        """A condition that few rows meet."""
        rng = self.rng
        if table.key and rng.random() < 0.6:
            return " AND ".join(f"{table.name}.{k} = {stored(rng, table.column(k).type)}" for k in table.key)
        return self.x.condition(table.scope(), 2)

    def update(self):
        rng = self.rng
        self.aliases = 0
        table = rng.choice(self.real)
        keys = {k for unique in table.unique for k in unique}
        columns = table.writable()
        column = rng.choice(columns)
        where = self.some_rows(table)
        if column.name in keys and table.key:  # at most one row, since keys are checked row by row
            where = " AND ".join(f"{table.name}.{k} = {stored(rng, table.column(k).type)}" for k in table.key)
        scope = table.scope()
        value = rng.choice([stored(rng, column.type), self.x.expr(column.type, scope, 2), "NULL", "DEFAULT"])
        if rng.random() < 0.15 and table.key:
            other = rng.choice(self.real)
            if other.key and len(other.key) == 1:
                match = [c for c in table.columns if c.type == other.column(other.key[0]).type]
                if match:
                    where = f"o.{other.key[0]} = {table.name}.{rng.choice(match).name} AND {where}"
                    value = self.x.expr(column.type, other.scope("o") + scope, 1)
                    joined = f"SET {column.name} = {value} FROM {other.name} o WHERE {where}"
                    return f"UPDATE {table.name} {joined}{self.returning(table)}"
        second = rng.choice(columns)
        sets = f"{column.name} = {value}"
        if second.name != column.name and second.name not in keys and rng.random() < 0.3:
            sets = f"({column.name}, {second.name}) = ({value}, {self.x.expr(second.type, scope, 1)})"
        return f"UPDATE {table.name} SET {sets} WHERE {where}{self.returning(table)}"

    def delete(self):
        rng = self.rng
        self.aliases = 0
        table = rng.choice(self.real)
        using = ""
        where = self.some_rows(table)
        if rng.random() < 0.2:
            other = rng.choice(self.tables)
            using = f" USING {other.name} o"
            where = f"{self.join_condition(table.scope(), other.scope('o'), 'JOIN')} AND {where}"
            return f"DELETE FROM {table.name}{using} WHERE {where}"
        return f"DELETE FROM {table.name} WHERE {where}{self.returning(table)}"

    def merge(self):
        """With the rows of a table, or with one row, which alone may be inserted: the first violation is the
        only one."""
        rng = self.rng
        self.aliases = 0
        tables = [t for t in self.real if len(t.key) == 1]
        if not tables:
            return self.update()
        table = rng.choice(tables)
        key = table.column(table.key[0])
        others = [t for t in tables if t is not table and t.column(t.key[0]).type == key.type]
        if others and rng.random() < 0.5:
            other = rng.choice(others)
            source, scope, given = f"{other.name} s", other.scope("s"), f"s.{other.key[0]}"
        else:
            other, given, t = None, "s.k", rng.choice(list(TYPES))
            value = stored(rng, key.type)
            if rng.random() < 0.5:
                value = f"(SELECT {key.name} FROM {table.name} ORDER BY 1 LIMIT 1)"
            source = f"(SELECT CAST({value} AS {key.type}) AS k, {self.x.expr(t, [], 1)} AS v) s"
            scope = [("s.k", key.type), ("s.v", t)]
        on = f"{table.name}.{key.name} = {given}"
        if rng.random() < 0.2:
            on += f" AND {self.x.condition(table.scope() + scope, 1)}"
        whens = self.merge_whens(table, scope, given, inserts=other is None)
        return f"MERGE INTO {table.name} USING {source} ON {on} {' '.join(whens)}"

    def merge_whens(self, table, scope, given, inserts):
        rng = self.rng
        unique = {k for columns in table.unique for k in columns}
        free = [c for c in table.writable() if c.name not in unique and c.name not in table.key]
        out = []
        for matched in rng.sample([True, False], rng.randint(1, 2)):
            seen = table.scope() + scope if matched else scope
            for last in rng.choice([[True], [False], [False, True]]):
                condition = "" if last else f" AND {self.x.condition(seen, 1)}"
                word = "WHEN MATCHED" if matched else "WHEN NOT MATCHED"
                if not matched and inserts and rng.random() < 0.8:
                    columns = [c for c in table.writable() if c.name not in table.key]
                    values = self.row(table, columns)[1:-1]
                    names = ", ".join(c.name for c in [table.column(table.key[0]), *columns])
                    action = f"INSERT ({names}) VALUES ({', '.join(filter(None, [given, values]))})"
                elif matched and free and rng.random() < 0.6:
                    column = rng.choice(free)
                    computed = self.x.expr(column.type, seen, 1)
                    value = rng.choice([stored(rng, column.type), computed, "DEFAULT"])
                    action = f"UPDATE SET {column.name} = {value}"
                else:
                    action = rng.choice(["DELETE", "DO NOTHING"]) if matched else "DO NOTHING"
                out.append(f"{word}{condition} THEN {action}")
        return out

    def modifying_with(self):
        rng = self.rng
        self.aliases = 0
        table = rng.choice(self.real)
        change = rng.choice([f"DELETE FROM {table.name} WHERE {self.some_rows(table)} RETURNING *", None])
        if change is None:
            free = [c for c in table.writable() if c.name not in {k for u in table.unique for k in u}]
            if not free:
                return self.delete()
            column = rng.choice(free)
            value = stored(rng, column.type)
            where = self.some_rows(table)
            change = f"UPDATE {table.name} SET {column.name} = {value} WHERE {where} RETURNING *"
        scope = table.scope("m")
        body, _ = self.select([], 0, [("m", scope)])
        return f"WITH m AS ({change}) {body}"
