// Times through JDBC in several time zones, which the driver tells the server when it connects: at the node
// 127.0.0.1:args[0] and at a PostgreSQL 15 with the same schema at 127.0.0.1:args[1] the same must come back. Prints
// differences, one a line.
import java.sql.*;
import java.sql.Date;
import java.time.*;
import java.util.*;

public class JdbcZones {
    static long key = 1;  // of each server

    static Connection connect(String port, String user) throws SQLException {
        return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + port + "/postgres?user=" + user);
    }

    static Object[][] written(int i) {
        long instant = Instant.parse("2024-03-31T00:00:00Z").toEpochMilli() + i * 1_800_000L;  // over a change of clocks
        LocalDateTime local = LocalDateTime.of(2024, 3, 31, 1, 0).plusMinutes(i * 30L);
        return new Object[][] {
            {new Timestamp(instant), new Timestamp(instant), new Date(instant), new Time(36_000_000L)},
            {local, OffsetDateTime.of(2024, 7, 1, 12, i, 0, 0, ZoneOffset.ofHours(3)), local.toLocalDate(),
             LocalTime.of(1, 2, 3)},
            // Without an offset where one belongs: the server reads them by the session's zone.
            {local, local, local.toLocalDate(), local.toLocalTime()},
            {new Timestamp(instant), local.toLocalDate(), new Date(instant), new Time(36_000_000L)}};
    }

    // Ten uses: the driver goes from text to binary at the fifth.
    static List<String> roundTrips(Connection c) throws SQLException {
        List<String> out = new ArrayList<>();
        try (PreparedStatement insert = c.prepareStatement("INSERT INTO moments (id, ts, tz, d, t) VALUES (?, ?, ?, ?, ?)");
             PreparedStatement select = c.prepareStatement(
                 "SELECT ts, tz, d, t, ts::text, extract(epoch FROM tz)::bigint, tz::text, tz::date, tz::timestamp "
                 + "FROM moments WHERE id = ?")) {
            for (int i = 0; i < 10; ++i) {
                for (Object[] values : written(i)) {
                    insert.setLong(1, ++key);
                    for (int k = 0; k < values.length; ++k) insert.setObject(k + 2, values[k]);
                    insert.executeUpdate();
                    select.setLong(1, key);
                    try (ResultSet row = select.executeQuery()) {
                        row.next();
                        out.add(row.getTimestamp(1) + " " + row.getTimestamp(2) + " " + row.getDate(2) + " "
                                + row.getTime(2) + " " + row.getDate(3) + " " + row.getTime(4) + " "
                                + row.getObject(1, LocalDateTime.class) + " "
                                + row.getObject(2, OffsetDateTime.class).toInstant() + " "
                                + row.getObject(3, LocalDate.class) + " " + row.getObject(4, LocalTime.class) + " "
                                + row.getString(5) + " " + row.getLong(6) + " " + row.getString(2) + " "
                                + row.getString(7) + " " + row.getDate(8) + " " + row.getTimestamp(9));
                    }
                }
            }
        }
        return out;
    }

    // Of one session, one after the other: the prepared statement is read anew in each.
    static List<String> zoneChanged(Connection c) throws SQLException {
        List<String> out = new ArrayList<>();
        try (Statement s = c.createStatement();
             PreparedStatement p = c.prepareStatement("SELECT timestamp '2024-07-01 12:00'::timestamptz::text, ?::timestamptz::text")) {
            for (int i = 0; i < 12; ++i) {
                s.execute("SET TimeZone = '" + (i % 2 == 0 ? "Asia/Tokyo" : "America/Lima") + "'");
                p.setString(1, "2024-01-0" + (i % 9 + 1) + " 10:00");
                try (ResultSet row = p.executeQuery()) {
                    row.next();
                    out.add(row.getString(1) + " " + row.getString(2));
                }
            }
        }
        return out;
    }

    interface Program {
        List<String> run(Connection c) throws SQLException;
    }

    static void compare(String zone, Connection ours, Connection theirs, Program program) throws SQLException {
        long first = key;
        List<String> got = program.run(ours);
        key = first;
        List<String> wanted = program.run(theirs);
        for (int i = 0; i < wanted.size(); ++i)
            if (!got.get(i).equals(wanted.get(i)))
                System.out.println(zone + ": got " + got.get(i) + ", wanted " + wanted.get(i));
    }

    public static void main(String[] args) throws SQLException {
        for (String zone : List.of("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")) {
            TimeZone.setDefault(TimeZone.getTimeZone(zone));
            try (Connection ours = connect(args[0], "app"); Connection theirs = connect(args[1], "postgres")) {
                compare(zone, ours, theirs, JdbcZones::roundTrips);
                compare(zone, ours, theirs, JdbcZones::zoneChanged);
            }
        }
    }
}
