-- case: NOT NULL of an assigned register: nobody can ship a NULL
-- expect: rename not_null(pets.name) confluent
-- route: rename free
-- A call with NULL is refused where it runs; a merge never makes a NULL of two values.

CREATE TABLE pets (
    id    bigint PRIMARY KEY,
    name  text NOT NULL
);

INSERT INTO pets VALUES (1, 'rex');

CREATE PROCEDURE rename(pet bigint, n text)
BEGIN ATOMIC
    UPDATE pets SET name = n WHERE id = pet;
END;
