-- A ledger that keeps its rules in plpgsql: constraint triggers, rules, a composite type, a materialised view, DO, EXCLUDE.
-- coordinated: accounts accounts_code_key
-- coordinated: entries entries_account_fkey
-- coordinated: periods periods_days_excl
-- coordinated: periods periods_pkey
-- skipped: CREATE TYPE ledger.money_with_currency
-- skipped: CREATE CONSTRAINT TRIGGER books_balance
-- skipped: CREATE RULE entries_are_kept
-- skipped: CREATE MATERIALIZED VIEW
-- skipped: CREATE EVENT TRIGGER
-- skipped: CREATE AGGREGATE
-- skipped: CREATE OPERATOR
-- skipped: CREATE CAST
-- skipped: DO LANGUAGE plpgsql
-- skipped: COPY ledger.periods
-- skipped: FUNCTION ledger.post
-- skipped: serial PRIMARY KEY

\set ON_ERROR_STOP on
SET search_path = ledger, public;
CREATE SCHEMA ledger AUTHORIZATION CURRENT_USER;
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE DOMAIN ledger.money_amount AS numeric(14, 2) NOT NULL CHECK (VALUE >= 0);
CREATE TYPE ledger.money_with_currency AS (amount numeric, currency char(3));
CREATE TYPE ledger.side AS ENUM ('debit', 'credit');
CREATE SEQUENCE ledger.entry_numbers AS bigint START 1000 INCREMENT 1 OWNED BY NONE;

CREATE TABLE ledger.accounts (
    id        serial PRIMARY KEY,
    code      text NOT NULL,
    parent    integer REFERENCES ledger.accounts ON DELETE SET NULL,
    balance   ledger.money_amount DEFAULT 0,
    overdraft numeric(14, 2) NOT NULL DEFAULT 0,
    CONSTRAINT accounts_code_key UNIQUE NULLS NOT DISTINCT (code),
    CONSTRAINT parent_is_another CHECK (parent <> id)
);

CREATE TABLE ledger.entries (
    number   bigint PRIMARY KEY DEFAULT nextval('ledger.entry_numbers'),
    account  integer NOT NULL REFERENCES ledger.accounts ON DELETE RESTRICT ON UPDATE CASCADE,
    side     ledger.side NOT NULL,
    amount   ledger.money_amount,
    booked   date NOT NULL DEFAULT CURRENT_DATE
);

CREATE TABLE ledger.periods (
    name    text PRIMARY KEY,
    days    daterange NOT NULL,
    closed  boolean NOT NULL DEFAULT false,
    EXCLUDE USING gist (days WITH &&) WHERE (NOT closed)
);

CREATE FUNCTION ledger.post(from_account integer, to_account integer, amount numeric) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger AS $body$
DECLARE
    n bigint := nextval('ledger.entry_numbers');
BEGIN
    IF amount <= 0 THEN RAISE EXCEPTION 'amount must be positive, not %', amount USING ERRCODE = '22023'; END IF;
    INSERT INTO entries VALUES (n, from_account, 'debit', amount);
    INSERT INTO entries VALUES (nextval('ledger.entry_numbers'), to_account, 'credit', amount);
    FOR n IN SELECT id FROM accounts WHERE id IN (from_account, to_account) ORDER BY id LOOP
        PERFORM pg_advisory_xact_lock(n);
    END LOOP;
    RETURN n;
EXCEPTION WHEN unique_violation THEN
    RETURN NULL;
END
$body$;

CREATE FUNCTION ledger.check_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) FROM ledger.entries) <> 0 THEN
        RAISE EXCEPTION 'the books do not balance';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER books_balance AFTER INSERT OR UPDATE ON ledger.entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_balance();
CREATE RULE entries_are_kept AS ON DELETE TO ledger.entries DO INSTEAD NOTHING;

CREATE MATERIALIZED VIEW ledger.totals AS
    SELECT account, sum(amount) AS total FROM ledger.entries GROUP BY account WITH NO DATA;
CREATE UNIQUE INDEX totals_account ON ledger.totals (account);

CREATE FUNCTION ledger.refuse_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'nothing is dropped here'; END $$;
CREATE EVENT TRIGGER no_drops ON ddl_command_end EXECUTE FUNCTION ledger.refuse_drops();
ALTER EVENT TRIGGER no_drops DISABLE;
CREATE AGGREGATE ledger.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE OPERATOR ledger.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE CAST (text AS ledger.side) WITH INOUT AS ASSIGNMENT;
CREATE STATISTICS ledger.entry_stats ON account, side FROM ledger.entries;
CREATE PUBLICATION everything FOR ALL TABLES;

DO LANGUAGE plpgsql $$ BEGIN
    FOR i IN 1..10 LOOP INSERT INTO ledger.accounts (code) VALUES ('A' || i); END LOOP;
END $$;
COPY ledger.periods (name, days, closed) FROM stdin;
2025	[2025-01-01,2026-01-01)	t
2026	[2026-01-01,2027-01-01)	f
\.
REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC;
ALTER TABLE ledger.accounts OWNER TO CURRENT_USER;
VACUUM ANALYZE ledger.accounts;
