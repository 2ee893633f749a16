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
        return new Object[][] {
            {new Timestamp(instant), new Timestamp(instant), new Date(instant), new Time(36_000_000L)},
            {LocalDateTime.of(2024, 7, 1, 12, i), OffsetDateTime.of(2024, 7, 1, 12, i, 0, 0, ZoneOffset.ofHours(3)),
             LocalDate.of(2024, 7, 1), LocalTime.of(1, 2, 3)}};
    }

    // Ten uses: the driver goes from text to binary at the fifth.
    static List<String> roundTrips(Connection c) throws SQLException {
        List<String> out = new ArrayList<>();
        try (PreparedStatement insert = c.prepareStatement("INSERT INTO moments (id, ts, tz, d, t) VALUES (?, ?, ?, ?, ?)");
             PreparedStatement select = c.prepareStatement(
                 "SELECT ts, tz, d, t, ts::text, extract(epoch FROM tz)::bigint FROM moments WHERE id = ?")) {
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
                                + row.getString(5) + " " + row.getLong(6));
                    }
                }
            }
        }
        return out;
    }

    // What PostgreSQL would take as a time of that zone is refused here, until the client has said that it means UTC.
    static void withoutOffset(Connection c, String zone) throws SQLException {
        String insert = "INSERT INTO moments (id, tz) VALUES (?, ?)";
        for (Object local : new Object[] {LocalDateTime.of(2024, 7, 1, 12, 0), LocalDate.of(2024, 7, 1)}) {
            try (PreparedStatement refused = c.prepareStatement(insert)) {
                refused.setLong(1, ++key);
                refused.setObject(2, local);
                refused.executeUpdate();
                System.out.println(zone + ": " + local + " was taken");
            } catch (SQLException problem) {
                if (!"0A000".equals(problem.getSQLState()) || !problem.getMessage().contains(zone))
                    System.out.println(zone + ": " + problem);
            }
        }
        try (Statement s = c.createStatement(); PreparedStatement taken = c.prepareStatement(insert)) {
            s.execute("SET TimeZone = 'UTC'");
            taken.setLong(1, ++key);
            taken.setObject(2, LocalDateTime.of(2024, 7, 1, 12, 0));
            taken.executeUpdate();
            ResultSet row = s.executeQuery("SELECT tz::text FROM moments WHERE id = " + key);
            row.next();
            if (!row.getString(1).equals("2024-07-01 12:00:00+00")) System.out.println(zone + ": " + row.getString(1));
        }
    }

    public static void main(String[] args) throws SQLException {
        for (String zone : List.of("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")) {
            TimeZone.setDefault(TimeZone.getTimeZone(zone));
            try (Connection ours = connect(args[0], "app"); Connection theirs = connect(args[1], "postgres")) {
                boolean warned = ours.getWarnings() != null && ours.getWarnings().getMessage().contains(zone);
                if (warned == zone.equals("UTC")) System.out.println(zone + ": warning " + ours.getWarnings());
                long first = key;
                List<String> got = roundTrips(ours);
                key = first;
                List<String> wanted = roundTrips(theirs);
                for (int i = 0; i < wanted.size(); ++i)
                    if (!got.get(i).equals(wanted.get(i)))
                        System.out.println(zone + ": got " + got.get(i) + ", wanted " + wanted.get(i));
                if (!zone.equals("UTC")) withoutOffset(ours, zone);
            }
        }
    }
}
