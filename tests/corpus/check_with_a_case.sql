-- case: a CHECK by CASE over a column that never changes is a CHECK of one register
-- expect: set_age guests_check confluent
-- expect: arrive guests_check confluent
-- route: set_age free
-- kind is immutable, so what set_age checked at its origin about (kind, age) is true wherever the age arrives.

CREATE TABLE guests (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind  text NOT NULL,
    age   bigint NOT NULL,
    CHECK (CASE kind WHEN 'child' THEN age < 18 ELSE age >= 18 END)
);

CREATE PROCEDURE arrive(kind text, age bigint)
BEGIN ATOMIC
    INSERT INTO guests (kind, age) VALUES (kind, age);
END;

CREATE PROCEDURE set_age(guest uuid, years bigint)
BEGIN ATOMIC
    UPDATE guests SET age = years WHERE id = guest;
END;
