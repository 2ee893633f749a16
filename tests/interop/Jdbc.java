// Application code over PostgreSQL's JDBC driver, against the node at 127.0.0.1:args[0]. Prints nothing and ends with
// 0 when everything held; drivers_test.py runs it.
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

public class Jdbc {
    static String url;
    static long key = 7_000_000;

    static void check(boolean held, String what) {
        if (!held) throw new AssertionError(what);
    }
    static void equal(Object got, Object wanted, String what) {
        check(Objects.equals(got, wanted), what + ": got " + got + ", wanted " + wanted);
    }
    static Connection connect() throws SQLException {
        return DriverManager.getConnection(url, "app", "");
    }

    // The driver names the statement from the fifth execution on, and asks for binary results from then.
    static void tenUsesReadAsTheFirst() throws SQLException {
        try (Connection c = connect();
             PreparedStatement insert = c.prepareStatement(
                 "INSERT INTO everything (id, b, i2, i4, i8, n, f4, f8, t, v, bytes, u, d, ts, tz, ia)"
                 + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
             PreparedStatement select = c.prepareStatement("SELECT * FROM everything WHERE id = ?")) {
            UUID uuid = UUID.fromString("12345678-9abc-def0-1234-56789abcdef0");
            for (int i = 0; i < 10; ++i) {
                long id = ++key;
                Object[] values = {id, true, (short) -5, i, Long.MIN_VALUE, new BigDecimal("12.3400"), 1.5f, -1e300, "t", "v",
                    new byte[] {0, 1, -1}, uuid, LocalDate.of(2024, 2, 29), LocalDateTime.of(1999, 12, 31, 23, 59, 59),
                    OffsetDateTime.of(2030, 6, 1, 12, 0, 0, 1000, ZoneOffset.UTC)};
                for (int k = 0; k < values.length; ++k) insert.setObject(k + 1, values[k]);
                insert.setArray(values.length + 1, c.createArrayOf("integer", new Integer[] {1, null, 3}));
                equal(insert.executeUpdate(), 1, "rows inserted");
                select.setLong(1, id);
                try (ResultSet row = select.executeQuery()) {
                    check(row.next(), "a row");
                    equal(row.getLong("id"), id, "id");
                    check(row.getBoolean("b"), "b");
                    equal(row.getShort("i2"), (short) -5, "i2");
                    equal(row.getInt("i4"), i, "i4");
                    equal(row.getLong("i8"), Long.MIN_VALUE, "i8");
                    equal(row.getBigDecimal("n"), new BigDecimal("12.3400"), "n");
                    equal(row.getFloat("f4"), 1.5f, "f4");
                    equal(row.getDouble("f8"), -1e300, "f8");
                    equal(row.getString("t"), "t", "t");
                    check(Arrays.equals(row.getBytes("bytes"), new byte[] {0, 1, -1}), "bytes");
                    equal(row.getObject("u"), uuid, "u");
                    equal(row.getObject("d", LocalDate.class), values[12], "d");
                    equal(row.getObject("ts", LocalDateTime.class), values[13], "ts");
                    equal(row.getObject("tz", OffsetDateTime.class), values[14], "tz");
                    check(Arrays.equals((Integer[]) row.getArray("ia").getArray(), new Integer[] {1, null, 3}), "ia");
                    check(row.getString("c") == null && row.wasNull(), "c");
                }
            }
        }
    }

    static long hits(Connection c, long id) throws SQLException {
        try (PreparedStatement select = c.prepareStatement("SELECT hits FROM counters WHERE id = ?")) {
            select.setLong(1, id);
            try (ResultSet row = select.executeQuery()) {
                return row.next() ? row.getLong(1) : 0;
            }
        }
    }

    static void blocksSavepointsAndBatches() throws SQLException {
        try (Connection c = connect(); PreparedStatement call = c.prepareStatement("CALL hit(?, ?)")) {
            c.setAutoCommit(false);
            long id = ++key;
            call.setLong(1, id);
            call.setLong(2, 5);
            call.execute();
            Savepoint point = c.setSavepoint();
            call.execute();
            c.rollback(point);
            c.commit();
            equal(hits(c, id), 5L, "after a rollback to a savepoint");
            c.rollback();
            for (int i = 0; i < 20; ++i) {
                call.setLong(1, id);
                call.setLong(2, 1);
                call.addBatch();
            }
            equal(call.executeBatch().length, 20, "answers of a batch");
            c.commit();
            equal(hits(c, id), 25L, "after a batch");
            call.setLong(2, -1);
            try {
                call.execute();
                check(false, "a negative amount was taken");
            } catch (SQLException refused) {
                equal(refused.getSQLState(), "23514", "state");
            }
            try {
                hits(c, id);
                check(false, "a failed block answered");
            } catch (SQLException failed) {
                equal(failed.getSQLState(), "25P02", "state");
            }
            c.rollback();
            equal(hits(c, id), 25L, "after a rollback");
        }
    }

    // Deleting a parent is ordered: its children are in the way.
    static void batchesOfOrderedWrites() throws SQLException {
        long id = ++key * 1000;
        try (Connection c = connect(); Statement s = c.createStatement()) {
            for (int i = 0; i < 5; ++i)
                s.addBatch("INSERT INTO parents VALUES (" + (id + i) + ", 'batch " + (id + i) + "')");
            equal(s.executeBatch().length, 5, "answers of a batch of inserts");
            try (PreparedStatement d = c.prepareStatement("DELETE FROM parents WHERE id = ?")) {
                for (int i = 0; i < 5; ++i) {
                    d.setLong(1, id + i);
                    d.addBatch();
                }
                int[] counts = d.executeBatch();
                for (int count : counts) equal((long)count, 1L, "rows deleted");
            }
            try (ResultSet r = s.executeQuery("SELECT count(*) FROM parents WHERE id BETWEEN " + id + " AND " + (id + 9))) {
                r.next();
                equal(r.getLong(1), 0L, "parents left");
            }
        }
    }

    static void callsWithOutParameters() throws SQLException {
        String options = url + (url.contains("?") ? "&" : "?") + "escapeSyntaxCallMode=callIfNoReturn";
        try (Connection c = DriverManager.getConnection(options, "app", "");
             CallableStatement call = c.prepareCall("{call hit_and_tell(?, ?, ?, ?)}")) {
            long id = ++key;
            for (int i = 1; i <= 7; ++i) {
                call.setLong(1, id);
                call.setLong(2, 2);
                call.registerOutParameter(3, Types.BIGINT);
                call.registerOutParameter(4, Types.VARCHAR);
                call.execute();
                equal(call.getLong(3), 2L * i, "total");
                equal(call.getString(4), "counter " + id, "note");
            }
        }
    }

    static void resultsInPieces() throws SQLException {
        try (Connection c = connect()) {
            c.setAutoCommit(false);
            try (PreparedStatement select = c.prepareStatement("SELECT n FROM generate_series(1, 95) AS n")) {
                select.setFetchSize(10);
                try (ResultSet rows = select.executeQuery()) {
                    int seen = 0;
                    while (rows.next()) {
                        equal(rows.getInt(1), ++seen, "n");
                        if (seen == 15) hits(c, 1);  // another statement between two pieces
                    }
                    equal(seen, 95, "rows");
                }
            }
            c.commit();
        }
    }

    static void generatedKeysAndMetadata() throws SQLException {
        try (Connection c = connect()) {
            check(c.isValid(5), "valid");
            try (PreparedStatement insert =
                     c.prepareStatement("INSERT INTO made (label) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                insert.setString(1, "made");
                insert.executeUpdate();
                try (ResultSet keys = insert.getGeneratedKeys()) {
                    check(keys.next() && keys.getLong("id") > 0, "a generated key");
                }
            }
            DatabaseMetaData meta = c.getMetaData();
            Set<String> tables = new TreeSet<>();
            try (ResultSet rows = meta.getTables(null, "public", "%", new String[] {"TABLE"})) {
                while (rows.next()) tables.add(rows.getString("TABLE_NAME"));
            }
            equal(tables, new TreeSet<>(List.of("children", "counters", "everything", "lines", "made", "moments", "parents")), "tables");
            List<String> columns = new ArrayList<>();
            try (ResultSet rows = meta.getColumns(null, "public", "children", "%")) {
                while (rows.next()) columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
            }
            equal(columns, List.of("id int8", "parent int8", "note text"), "columns");
            try (ResultSet rows = meta.getImportedKeys(null, "public", "children")) {
                check(rows.next(), "an imported key");
                equal(rows.getString("PKTABLE_NAME"), "parents", "parent");
            }
        }
    }

    static void functionsWithAResult() throws SQLException {
        try (Connection c = connect(); CallableStatement call = c.prepareCall("{? = call plus_one(?)}")) {
            for (int i = 0; i < 7; ++i) {
                call.registerOutParameter(1, Types.INTEGER);
                call.setInt(2, i);
                call.execute();
                equal(call.getInt(1), i + 1, "a function's result");
            }
        }
    }

    // The driver must learn from a result's columns which table they are of.
    static void resultsThatAreWrittenTo() throws SQLException {
        int kind = ResultSet.TYPE_SCROLL_INSENSITIVE, mode = ResultSet.CONCUR_UPDATABLE;
        try (Connection c = connect(); Statement s = c.createStatement(kind, mode)) {
            long id = ++key;
            try (ResultSet rows = s.executeQuery("SELECT id, name AS title FROM parents WHERE id = " + id)) {
                ResultSetMetaData meta = rows.getMetaData();
                org.postgresql.PGResultSetMetaData base = meta.unwrap(org.postgresql.PGResultSetMetaData.class);
                equal(base.getBaseTableName(2) + "." + base.getBaseColumnName(2), "parents.name", "a column's origin");
                equal(meta.isNullable(1), ResultSetMetaData.columnNoNulls, "the key may be NULL");
            }
            String all = "SELECT id, name FROM parents WHERE id = " + id;
            try (ResultSet rows = s.executeQuery(all)) {
                rows.moveToInsertRow();
                rows.updateLong("id", id);
                rows.updateString("name", "inserted");
                rows.insertRow();
            }
            try (ResultSet rows = s.executeQuery(all)) {
                check(rows.next(), "the row inserted");
                rows.updateString("name", "updated");
                rows.updateRow();
            }
            try (ResultSet rows = s.executeQuery(all)) {
                check(rows.next(), "the row updated");
                equal(rows.getString("name"), "updated", "name");
                rows.deleteRow();
            }
            try (ResultSet rows = s.executeQuery(all)) {
                check(!rows.next(), "the row is there still");
            }
        }
    }

    static void readOnlyTransactionsWriteNothing() throws SQLException {
        try (Connection c = connect(); Statement s = c.createStatement()) {
            String insert = "INSERT INTO parents (id, name) VALUES (" + ++key + ", 'x')";
            c.setReadOnly(true);
            c.setAutoCommit(false);
            for (String write : List.of(insert, "CALL hit(" + key + ", 1)", "DELETE FROM children")) {
                try {
                    s.executeUpdate(write);
                    check(false, write + " in a read-only transaction");
                } catch (SQLException refused) {
                    equal(refused.getSQLState(), "25006", write);
                }
                c.rollback();
            }
            s.executeQuery("SELECT 1");
            c.commit();
            c.setReadOnly(false);
            equal(s.executeUpdate(insert), 1, "rows when it may write again");
            c.commit();
            c.setAutoCommit(true);
            s.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
            try {
                s.executeUpdate("DELETE FROM parents WHERE id = " + key);
                check(false, "a write in a read-only session");
            } catch (SQLException refused) {
                equal(refused.getSQLState(), "25006", "a read-only session");
            }
            s.execute("BEGIN READ WRITE");
            equal(s.executeUpdate("DELETE FROM parents WHERE id = " + key), 1, "rows in a block that may write");
            s.execute("COMMIT");
        }
    }

    public static void main(String[] args) throws Exception {
        url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/bank";
        tenUsesReadAsTheFirst();

        callsWithOutParameters();
        resultsInPieces();
        generatedKeysAndMetadata();
        blocksSavepointsAndBatches();
        batchesOfOrderedWrites();
        functionsWithAResult();
        resultsThatAreWrittenTo();
        readOnlyTransactionsWriteNothing();
    }
}
