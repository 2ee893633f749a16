// Application code over node-postgres, against the node at 127.0.0.1:argv[2]. Prints nothing and ends with 0 when
// everything held; drivers_test.py runs it where NODE_PATH finds the package `pg`.
'use strict';
const assert = require('node:assert/strict');
const { Client, Pool, types } = require('pg');

const place = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'app', database: 'bank' };
let keys = 6_000_000;

async function withClient(options, work) {
  const client = new Client({ ...place, ...options });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function valuesOfAllTypesComeBack(client) {
  const id = ++keys;
  const names = 'id b i2 i4 i8 n f4 f8 t v c bytes u d tm ts tz j m ia ta ra'.split(' ');
  const noon = new Date('2030-06-01T12:00:00.123Z');
  const values = [id, true, -32768, 2147483647, '-9223372036854775808', '1234567890.1200', 1.5, -1e300,
    "snow \u2603 and 'quotes' \\ and\nlines", 'varied', 'ab', Buffer.from([0, 1, 255]),
    '12345678-9abc-def0-1234-56789abcdef0', '2024-02-29', '23:59:58.123456', '1999-12-31 23:59:59.999999', noon,
    { a: [1, null, 'x'], b: { c: 1.5 } }, 'happy', [1, null, 3], ['', 'a,b', 'q"q', null, 'NULL'], '[1,5)'];
  const marks = values.map((_, i) => `$${i + 1}`).join(', ');
  const inserted = await client.query(`INSERT INTO everything (${names}) VALUES (${marks})`, values);
  assert.deepEqual([inserted.command, inserted.rowCount], ['INSERT', 1]);
  const wanted = { ...Object.fromEntries(names.map((name, i) => [name, values[i]])), c: 'ab  ', id: String(id) };
  const read = await client.query('SELECT *, d::text AS d, ts::text AS ts FROM everything WHERE id = $1', [id]);
  const { iv, ...row } = read.rows[0];
  assert.equal(iv, null);
  assert.deepEqual(row, wanted);
  assert.equal(read.fields.find((field) => field.name === 'n').dataTypeID, types.builtins.NUMERIC);
  const span = await client.query("SELECT interval '3 days 04:00:00.000005' AS iv");
  assert.deepEqual({ ...span.rows[0].iv }, { days: 3, hours: 4, milliseconds: 0.005 });
}

async function namedStatementsAreReused(client) {
  for (let n = 0; n < 10; ++n) {
    const { rows } = await client.query({
      name: 'add', text: 'SELECT $1::int + 1 AS sum, $2::text AS text', values: [n, 'x'.repeat(n)], rowMode: 'array',
    });
    assert.deepEqual(rows, [[n + 1, 'x'.repeat(n)]]);
  }
  const binary = { text: 'SELECT 7::int4 AS a, true AS b, 1.5::float8 AS c', binary: true };
  assert.deepEqual((await client.query(binary)).rows, [{ a: 7, b: true, c: 1.5 }]);
}

async function errorsCarryTheirFields(client) {
  const refused = { code: '23514', constraint: 'no_z', table: 'parents', severity: 'ERROR' };
  await assert.rejects(client.query('INSERT INTO parents VALUES ($1, $2)', [++keys, 'z']), refused);
  await assert.rejects(client.query('SELECT nme FROM parents'), { code: '42703', position: '8' });
  await assert.rejects(client.query('SELECT $1::int', ['seven']), { code: '22P02' });
  assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
}

async function blocksCommitRollBackAndFail(client) {
  const id = ++keys;
  const hits = async () => (await client.query('SELECT hits FROM counters WHERE id = $1', [id])).rows[0]?.hits;
  await client.query('BEGIN');
  await client.query('CALL hit($1, $2)', [id, 5]);
  await client.query('SAVEPOINT a');
  await client.query('CALL hit($1, $2)', [id, 5]);
  await client.query('ROLLBACK TO a');
  await client.query('COMMIT');
  assert.equal(await hits(), '5');
  await client.query('BEGIN');
  await assert.rejects(client.query('CALL hit($1, $2)', [id, -1]), { code: '23514' });
  await assert.rejects(client.query('SELECT 1'), { code: '25P02' });
  assert.equal((await client.query('COMMIT')).command, 'ROLLBACK');
  assert.equal(await hits(), '5');
  const several = await client.query('SELECT 1 AS a; SELECT 2 AS b, 3 AS c');
  assert.deepEqual(several.map((result) => result.rows), [[{ a: 1 }], [{ b: 2, c: 3 }]]);
  const told = await client.query('CALL hit_and_tell($1, $2, NULL, NULL)', [id, 4]);
  assert.deepEqual(told.rows, [{ total: '9', note: `counter ${id}` }]);
}

async function timeoutsOfTheConnectionHold(client) {
  const endless = 'SELECT count(*) FROM generate_series(1, 100000000000) AS n WHERE n % 7 = 8';
  await assert.rejects(client.query(endless), { code: '57014', message: /statement timeout/ });
  assert.deepEqual((await client.query('SHOW statement_timeout')).rows, [{ statement_timeout: '300ms' }]);
}

async function aPoolServesManyAtOnce() {
  const pool = new Pool({ ...place, max: 4, application_name: 'pooled' });
  const id = ++keys;
  await Promise.all(Array.from({ length: 60 }, () => pool.query('CALL hit($1, 1)', [id])));
  const made = await pool.query('INSERT INTO made (label) VALUES ($1) RETURNING id', ['new']);
  assert.match(made.rows[0].id, /^\d+$/);
  const { rows } = await pool.query("SELECT hits, current_setting('application_name') AS name FROM counters WHERE id = $1",
    [id]);
  assert.deepEqual(rows, [{ hits: '60', name: 'pooled' }]);
  await pool.end();
}

// What Knex, Sequelize and TypeORM ask when they look at a schema.
async function querybuildersReadTheCatalog(client) {
  const ask = async (text, values) => (await client.query({ text, values, rowMode: 'array' })).rows;
  assert.deepEqual(await ask("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    + " AND table_type = 'BASE TABLE' ORDER BY 1"), [['children'], ['counters'], ['everything'], ['lines'], ['made'], ['moments'], ['parents']]);
  assert.deepEqual(await ask('SELECT column_name, data_type, is_nullable FROM information_schema.columns'
    + ' WHERE table_name = $1 AND table_catalog = current_database() ORDER BY ordinal_position', ['children']),
  [['id', 'bigint', 'NO'], ['parent', 'bigint', 'NO'], ['note', 'text', 'YES']]);
  assert.deepEqual(await ask('SELECT DISTINCT tc.constraint_name, kcu.column_name, ccu.table_name, ccu.column_name'
    + ' FROM information_schema.table_constraints AS tc JOIN information_schema.key_column_usage AS kcu'
    + ' ON tc.constraint_name = kcu.constraint_name JOIN information_schema.constraint_column_usage AS ccu'
    + " ON ccu.constraint_name = tc.constraint_name WHERE constraint_type = 'FOREIGN KEY' AND tc.table_name = 'children'"),
  [['children_parent_fkey', 'parent', 'parents', 'id']]);
  assert.deepEqual(await ask('SELECT i.relname AS name, ix.indisprimary AS primary, ix.indisunique AS unique,'
    + ' array_agg(a.attname) AS column_names FROM pg_class t, pg_class i, pg_index ix, pg_attribute a'
    + ' WHERE t.oid = ix.indrelid AND i.oid = ix.indexrelid AND a.attrelid = t.oid AND a.attnum = ANY(ix.indkey)'
    + " AND t.relkind = 'r' AND t.relname = 'parents' GROUP BY i.relname, ix.indexrelid, ix.indisprimary, ix.indisunique"
    + ' ORDER BY i.relname'),
  [['parents_name_key', false, true, '{name}'], ['parents_pkey', true, true, '{id}']]);
  assert.deepEqual(await ask("SELECT t.typname, array_agg(e.enumlabel ORDER BY enumsortorder) FROM pg_type t"
    + ' JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace'
    + " WHERE n.nspname = 'public' GROUP BY 1"), [['mood', '{sad,ok,happy}']]);
}

async function main() {
  // Of OIDs 1082, 1114 and 1700 node-postgres makes dates of the local zone, and text.
  await withClient({}, async (client) => {
    await valuesOfAllTypesComeBack(client);
    await namedStatementsAreReused(client);
    await errorsCarryTheirFields(client);
    await blocksCommitRollBackAndFail(client);
    await querybuildersReadTheCatalog(client);
  });
  await withClient({ statement_timeout: 300 }, timeoutsOfTheConnectionHold);
  await aPoolServesManyAtOnce();
}

main().catch((problem) => {
  console.error(problem);
  process.exitCode = 1;
});
