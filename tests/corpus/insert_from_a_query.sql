-- case: an archive is filled by a query under the keys of its source
-- expect: archive archives_pkey not_confluent with archive scope which
-- route: archive ordered
-- A: archive(1). B: archive(1). Two plain INSERTs of one key, taken from a row that both see.

CREATE TABLE letters (
    id    bigint PRIMARY KEY,
    body  text NOT NULL
);

CREATE TABLE archives (
    id    bigint PRIMARY KEY,
    body  text NOT NULL
);

INSERT INTO letters VALUES (1, 'x'), (2, 'y');

CREATE PROCEDURE archive(which bigint)
BEGIN ATOMIC
    INSERT INTO archives (id, body) SELECT l.id, l.body FROM letters l WHERE l.id = which;
END;
