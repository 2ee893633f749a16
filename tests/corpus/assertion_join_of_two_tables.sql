-- case: a rule between rows of two tables, each half written by its own transaction
-- expect: hire assertion.nobody_works_for_himself not_confluent with appoint scope person
-- expect: appoint assertion.nobody_works_for_himself not_confluent with hire scope boss_of
-- route: hire ordered
-- route: appoint ordered
-- A: hire(1). B: appoint(1). Each looked and found no other half.

CREATE TABLE staff (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person  bigint NOT NULL
);

CREATE TABLE bosses (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person  bigint NOT NULL
);

CREATE SCHEMA assertion
    CREATE VIEW nobody_works_for_himself AS
        SELECT s.person FROM staff s JOIN bosses b ON b.person = s.person;

CREATE PROCEDURE hire(person bigint)
BEGIN ATOMIC
    INSERT INTO staff (person) VALUES (person);
END;

CREATE PROCEDURE appoint(boss_of bigint)
BEGIN ATOMIC
    INSERT INTO bosses (person) VALUES (boss_of);
END;
