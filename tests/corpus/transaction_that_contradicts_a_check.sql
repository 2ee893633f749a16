-- case: a transaction that writes what its CHECK forbids commits nowhere
-- expect: spoil jars_n_check confluent
-- expect: fill jars_n_check confluent
-- route: fill free
-- spoil sets n to -1, which is refused at every origin whenever it hits a row.

CREATE TABLE jars (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 0 CHECK (n >= 0)
);

INSERT INTO jars (id) VALUES (1);

CREATE PROCEDURE fill(jar bigint, v bigint)
BEGIN ATOMIC
    UPDATE jars SET n = v WHERE id = jar;
END;

CREATE PROCEDURE spoil(jar bigint)
BEGIN ATOMIC
    UPDATE jars SET n = -1 WHERE id = jar;
END;
