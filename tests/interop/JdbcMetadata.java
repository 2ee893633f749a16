// What JDBC's DatabaseMetaData and a database browser read from the catalogs, at the node 127.0.0.1:args[0] and at a
// PostgreSQL 15 with the same schema at 127.0.0.1:args[1]: both must say the same. Prints differences, one a line.
import java.sql.*;
import java.util.*;

public class JdbcMetadata {
    interface Asked {
        ResultSet of(DatabaseMetaData meta) throws SQLException;
    }

    // Sizes and OIDs are each server's own.
    static final Set<String> OWN = Set.of("CARDINALITY", "PAGES", "SPECIFIC_NAME", "TABLE_CAT", "FUNCTION_CAT");

    static List<String> rows(ResultSet result) throws SQLException {
        ResultSetMetaData columns = result.getMetaData();
        List<String> out = new ArrayList<>();
        while (result.next()) {
            StringBuilder row = new StringBuilder();
            for (int i = 1; i <= columns.getColumnCount(); ++i)
                if (!OWN.contains(columns.getColumnLabel(i).toUpperCase()))
                    row.append(columns.getColumnLabel(i)).append('=').append(result.getString(i)).append(' ');
            out.add(row.toString());
        }
        return out;
    }

    static void compare(String what, Connection ours, Connection theirs, Asked asked) {
        List<List<String>> answers = new ArrayList<>();
        for (Connection c : List.of(ours, theirs)) {
            try (ResultSet result = asked.of(c.getMetaData())) {
                answers.add(rows(result));
            } catch (SQLException problem) {
                answers.add(List.of("error " + problem.getSQLState() + " " + problem.getMessage()));
            }
        }
        if (answers.get(0).equals(answers.get(1)) && !answers.get(1).isEmpty()) return;
        for (String row : answers.get(0)) if (!answers.get(1).contains(row)) System.out.println(what + ": has  " + row);
        for (String row : answers.get(1)) if (!answers.get(0).contains(row)) System.out.println(what + ": lacks " + row);
        if (answers.get(1).isEmpty()) System.out.println(what + ": PostgreSQL says nothing, so this compares nothing");
        if (new HashSet<>(answers.get(0)).equals(new HashSet<>(answers.get(1)))) System.out.println(what + ": another order");
    }

    static void metadata(Connection ours, Connection theirs) {
        compare("getSchemas", ours, theirs, m -> m.getSchemas(null, "public"));
        compare("getTableTypes", ours, theirs, m -> m.getTableTypes());
        compare("getTables", ours, theirs, m -> m.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}));
        for (String table : List.of("everything", "parents", "children", "counters", "made", "lines")) {
            compare("getColumns " + table, ours, theirs, m -> m.getColumns(null, "public", table, "%"));
            compare("getPrimaryKeys " + table, ours, theirs, m -> m.getPrimaryKeys(null, "public", table));
            compare("getIndexInfo " + table, ours, theirs, m -> m.getIndexInfo(null, "public", table, false, true));
            compare("getBestRowIdentifier " + table, ours, theirs,
                m -> m.getBestRowIdentifier(null, "public", table, DatabaseMetaData.bestRowSession, false));
        }
        compare("unique indexes", ours, theirs, m -> m.getIndexInfo(null, null, "parents", true, true));
        for (String table : List.of("children", "lines"))
            compare("getImportedKeys " + table, ours, theirs, m -> m.getImportedKeys(null, "public", table));
        compare("getExportedKeys", ours, theirs, m -> m.getExportedKeys(null, "public", "parents"));
        compare("getCrossReference", ours, theirs,
            m -> m.getCrossReference(null, "public", "parents", null, "public", "children"));
        compare("getProcedures", ours, theirs, m -> m.getProcedures(null, "public", "%"));
        compare("getFunctions", ours, theirs, m -> m.getFunctions(null, "public", "%"));
        compare("getProcedureColumns", ours, theirs, m -> m.getProcedureColumns(null, "public", "hit_and_tell", "%"));
        compare("getFunctionColumns", ours, theirs, m -> m.getFunctionColumns(null, "public", "children_of", "%"));
        compare("getUDTs", ours, theirs, m -> m.getUDTs(null, "public", "positive", null));
    }

    static void facts(Connection ours, Connection theirs) throws SQLException {
        DatabaseMetaData a = ours.getMetaData(), b = theirs.getMetaData();
        if (!a.getSQLKeywords().equals(b.getSQLKeywords())) System.out.println("getSQLKeywords differs");
        if (a.getMaxColumnsInIndex() == 0 || a.getMaxColumnNameLength() != b.getMaxColumnNameLength())
            System.out.println("limits differ");
        if (a.getDatabaseMajorVersion() != b.getDatabaseMajorVersion()) System.out.println("another version");
        try (ResultSet types = a.getTypeInfo()) {
            if (!types.next()) System.out.println("getTypeInfo says nothing");
        }
    }

    static final String PUBLIC = "(SELECT oid FROM pg_namespace WHERE nspname = 'public')";
    static final String TABLE = "'public.children'::regclass";

    // What DBeaver sends when it connects and when a table is opened, its parameters written out. The columns must be
    // PostgreSQL's; the rows hold OIDs.
    static final String[] BROWSER = {
        "SHOW search_path",
        "SELECT current_schema(),session_user",
        "SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname=current_database()",
        "select * from pg_catalog.pg_settings where name='standard_conforming_strings'",
        "SELECT a.oid,a.*,pd.description FROM pg_catalog.pg_roles a"
            + " left join pg_catalog.pg_shdescription pd on a.oid = pd.objoid ORDER BY a.rolname",
        "SELECT t.oid,t.* FROM pg_catalog.pg_tablespace t ORDER BY t.oid",
        "SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d"
            + " ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname",
        "SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description"
            + " FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem"
            + " LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid"
            + " LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL"
            + " AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')",
        "SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid"
            + " FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns"
            + " join ( select s.r, (current_schemas(false))[s.r] as nspname"
            + " from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname )) as sp"
            + " ON sp.nspoid = typnamespace WHERE pg_type.oid = 25 ORDER BY sp.r, pg_type.oid DESC",
        "SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,"
            + " pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c"
            + " LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0"
            + " AND d.classoid='pg_class'::regclass WHERE c.relnamespace=" + PUBLIC + " AND c.relkind not in ('i','I','c')",
        "select c.oid,pg_catalog.pg_total_relation_size(c.oid) as total_rel_size,pg_catalog.pg_relation_size(c.oid) as"
            + " rel_size FROM pg_class c WHERE c.relnamespace=" + PUBLIC,
        "SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid"
            + " FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)"
            + " LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)"
            + " LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)"
            + " LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i'"
            + " and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid WHERE NOT a.attisdropped"
            + " AND c.relkind not in ('i','I','c') AND c.oid=" + TABLE + " ORDER BY a.attnum",
        "SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description,"
            + " case when c.contype='c' then \"substring\"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy"
            + " FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid"
            + " LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid"
            + " LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0"
            + " AND d.classoid='pg_constraint'::regclass WHERE c.conrelid=" + TABLE + " ORDER BY c.oid",
        "SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,"
            + "dsc.description,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,"
            + "pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,"
            + "pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size,"
            + "pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans FROM pg_catalog.pg_index i"
            + " INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid"
            + " INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid"
            + " LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid WHERE i.indrelid=" + TABLE
            + " ORDER BY tabrelname, c.relname",
        "SELECT p.oid as poid,p.*,pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults,d.description"
            + " FROM pg_catalog.pg_proc p LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=p.oid"
            + " WHERE p.pronamespace=" + PUBLIC + " ORDER BY p.proname",
        "SELECT x.oid,x.*,p.pronamespace as func_schema_id,d.description FROM pg_catalog.pg_trigger x"
            + " LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid=x.tgfoid LEFT OUTER JOIN pg_catalog.pg_description d"
            + " ON d.objoid=x.oid AND d.objsubid=0 WHERE x.tgrelid=" + TABLE + " AND NOT x.tgisinternal",
        "SELECT e.oid,e.*,n.nspname FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid=e.enumtypid"
            + " JOIN pg_catalog.pg_namespace n ON n.oid=t.typnamespace ORDER BY e.enumtypid,e.enumsortorder",
        "SELECT s.*,c.relname FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid=s.seqrelid",
        "SELECT e.oid,cfg.tbls,n.nspname as schema_name,e.* FROM pg_catalog.pg_extension e"
            + " join pg_namespace n on n.oid =e.extnamespace left join (select ne.oid, string_agg(ne.extname, ',') as tbls"
            + " from pg_extension ne group by 1) cfg on cfg.oid = e.oid ORDER BY e.oid",
    };

    static String columns(Connection c, String query) {
        try (Statement statement = c.createStatement(); ResultSet result = statement.executeQuery(query)) {
            StringBuilder out = new StringBuilder();
            for (int i = 1; i <= result.getMetaData().getColumnCount(); ++i)
                out.append(result.getMetaData().getColumnLabel(i)).append(' ');
            return out.toString();
        } catch (SQLException problem) {
            return "error " + problem.getSQLState() + " " + problem.getMessage();
        }
    }

    static void browser(Connection ours, Connection theirs) {
        for (String query : BROWSER) {
            String a = columns(ours, query), b = columns(theirs, query);
            if (!a.equals(b)) System.out.println(query + ": " + a + "/ " + b);
        }
    }

    public static void main(String[] args) throws Exception {
        try (Connection ours = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + args[0] + "/bank", "app", "");
             Connection theirs =
                 DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + args[1] + "/postgres", "postgres", "")) {
            metadata(ours, theirs);
            facts(ours, theirs);
            browser(ours, theirs);
        }
    }
}
