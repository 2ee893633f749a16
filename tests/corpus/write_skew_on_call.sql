-- case: two doctors: each may go while the other stays
-- expect: go_off assertion.somebody_on_call not_confluent with go_off
-- expect: go_on assertion.somebody_on_call confluent
-- route: go_off ordered
-- route: go_on free
-- The write skew of snapshot isolation: A: go_off(1). B: go_off(2). The rows differ, the rule is over both.

CREATE TABLE doctors (
    id       bigint PRIMARY KEY,
    on_call  boolean NOT NULL
);

INSERT INTO doctors VALUES (1, true), (2, true);

CREATE SCHEMA assertion
    CREATE VIEW somebody_on_call AS
        SELECT 1 AS nobody WHERE NOT EXISTS (SELECT FROM doctors d WHERE d.on_call);

CREATE PROCEDURE go_on(doctor bigint)
BEGIN ATOMIC
    UPDATE doctors SET on_call = true WHERE id = doctor;
END;

CREATE PROCEDURE go_off(doctor bigint)
BEGIN ATOMIC
    UPDATE doctors SET on_call = false WHERE id = doctor;
END;
