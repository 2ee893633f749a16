-- case: a maximum under a cap: the greatest of two that fit fits
-- expect: warm ovens_heat_check confluent
-- route: warm free
-- Unlike a sum: max(a, b) <= 250 when both are.

CREATE TABLE ovens (
    id    bigint PRIMARY KEY,
    heat  bigint NOT NULL DEFAULT 20 CHECK (heat <= 250)
);

INSERT INTO ovens (id) VALUES (1);

CREATE PROCEDURE warm(oven bigint, degrees bigint)
BEGIN ATOMIC
    UPDATE ovens SET heat = greatest(heat, degrees) WHERE id = oven;
END;
