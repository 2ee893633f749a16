-- case: a CHECK that nobody can interpret still holds of every single assignment
-- expect: set_code parts_code_check confluent
-- route: set_code free
-- LIKE is uninterpreted. It does not matter what it means: the winner's value passed it at its origin, and nothing else is read.

CREATE TABLE parts (
    id    bigint PRIMARY KEY,
    code  text NOT NULL CHECK (code LIKE 'A%')
);

INSERT INTO parts VALUES (1, 'A1');

CREATE PROCEDURE set_code(part bigint, c text)
BEGIN ATOMIC
    UPDATE parts SET code = c WHERE id = part;
END;
