-- Check and set: a value is replaced only by whoever has seen the newest one (leases, configuration, leader election).
--
-- Two nodes that each compare with their own copy would both succeed. The comparison is what makes `set_if` ordered;
-- reading and counting are free:
--     anabranch check tools/examples/check_and_set.sql

CREATE TABLE cells (
    name     text PRIMARY KEY,
    value    text NOT NULL,
    version  bigint NOT NULL DEFAULT 1 CHECK (version > 0)
);

CREATE TABLE readers (
    name   text PRIMARY KEY,
    times  bigint NOT NULL
);

CREATE DOMAIN still_current AS boolean NOT NULL CONSTRAINT version_is_current CHECK (VALUE);

CREATE PROCEDURE make_cell(cell text, first_value text)
BEGIN ATOMIC
    INSERT INTO cells (name, value) VALUES (cell, first_value);
END;

-- Fails with version_is_current (23514) when somebody was faster.
CREATE PROCEDURE set_if(cell text, seen bigint, new_value text)
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM cells c WHERE c.name = cell AND c.version = seen)::still_current;
    UPDATE cells SET value = new_value, version = seen + 1 WHERE name = cell AND version = seen;
END;

CREATE PROCEDURE count_reader(reader text)
BEGIN ATOMIC
    INSERT INTO readers (name, times) VALUES (reader, 1)
    ON CONFLICT (name) DO UPDATE SET times = readers.times + 1;
END;

CREATE FUNCTION look(cell text) RETURNS TABLE (value text, version bigint) STABLE LANGUAGE sql
BEGIN ATOMIC
    SELECT c.value, c.version FROM cells c WHERE c.name = cell;
END;
