-- case: one procedure for both ways: calls with the harmless value can have a procedure of their own
-- expect: set_duty assertion.somebody_on_call not_confluent with set_duty scope duty
-- repair: set_duty assertion.somebody_on_call guard
-- route: set_duty ordered
-- A: set_duty(1, false). B: set_duty(2, false). Nobody is harmed by set_duty(x, true).

CREATE TABLE doctors (
    id       bigint PRIMARY KEY,
    on_call  boolean NOT NULL
);

INSERT INTO doctors VALUES (1, true), (2, true);

CREATE SCHEMA assertion
    CREATE VIEW somebody_on_call AS
        SELECT 1 AS nobody WHERE NOT EXISTS (SELECT FROM doctors WHERE on_call);

CREATE PROCEDURE set_duty(doctor bigint, duty boolean)
BEGIN ATOMIC
    UPDATE doctors SET on_call = duty WHERE id = doctor;
END;
