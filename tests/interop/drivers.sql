-- What the driver tests talk to: every supported type once, a call of each kind, and errors of each kind.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE everything (
    id  bigint PRIMARY KEY,
    b   boolean, i2 smallint, i4 integer, i8 bigint, n numeric(20, 4), f4 real, f8 double precision,
    t   text, v varchar(20), c char(4), bytes bytea, u uuid,
    d   date, tm time, ts timestamp, tz timestamptz, iv interval,
    j   jsonb, m mood, ia integer[], ta text[], ra int4range
);

CREATE TABLE parents (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, CONSTRAINT no_z CHECK (name <> 'z'));
CREATE TABLE children (id bigint PRIMARY KEY, parent bigint NOT NULL REFERENCES parents, note text);
CREATE TABLE counters (id bigint PRIMARY KEY, hits bigint NOT NULL DEFAULT 0);
CREATE TABLE made (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text NOT NULL);

CREATE TABLE lines (
    child  bigint REFERENCES children ON DELETE CASCADE,
    number integer,
    amount numeric(12, 2) DEFAULT 0.00 NOT NULL,
    label  varchar(30) DEFAULT 'none',
    PRIMARY KEY (number, child)
);
CREATE INDEX lines_by_label ON lines (label, amount);

CREATE TABLE moments (id bigint PRIMARY KEY, ts timestamp, tz timestamptz, d date, t time);

CREATE PROCEDURE hit(counter bigint, by_how_much positive)
BEGIN ATOMIC
    INSERT INTO counters VALUES (counter, by_how_much)
        ON CONFLICT (id) DO UPDATE SET hits = counters.hits + excluded.hits;
END;

CREATE PROCEDURE hit_and_tell(counter bigint, by_how_much positive, OUT total bigint, OUT note text)
BEGIN ATOMIC
    INSERT INTO counters VALUES (counter, by_how_much)
        ON CONFLICT (id) DO UPDATE SET hits = counters.hits + excluded.hits
        RETURNING hits, 'counter ' || id;
END;

CREATE PROCEDURE note_child(child bigint, new_note text)
BEGIN ATOMIC
    UPDATE children SET note = new_note WHERE id = child;
END;

CREATE FUNCTION children_of(parent bigint) RETURNS TABLE (id bigint, note text) STABLE
BEGIN ATOMIC
    SELECT c.id, c.note FROM children c WHERE c.parent = children_of.parent ORDER BY 1;
END;

CREATE FUNCTION plus_one(number int) RETURNS int IMMUTABLE RETURN number + 1;
