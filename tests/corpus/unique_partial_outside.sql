-- case: rows outside a partial index are nobody's business
-- expect: add_alias addresses_main confluent
-- route: add_alias free
-- add_alias always inserts with main = false and nobody changes main: the index has no second row by this transaction.

CREATE TABLE addresses (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person  bigint NOT NULL,
    main    boolean NOT NULL
);

CREATE UNIQUE INDEX addresses_main ON addresses (person) WHERE main;

CREATE PROCEDURE add_alias(person bigint)
BEGIN ATOMIC
    INSERT INTO addresses (person, main) VALUES (person, false);
END;
