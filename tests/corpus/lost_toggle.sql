-- case: switching back and forth reads what it writes
-- expect: toggle lost_update(lamps.lit) not_confluent with toggle scope lamp
-- route: toggle ordered
-- Two toggles of one lamp in one order leave it as it was; apart they switch it once.

CREATE TABLE lamps (
    id   bigint PRIMARY KEY,
    lit  boolean NOT NULL DEFAULT false
);

INSERT INTO lamps (id) VALUES (1);

CREATE PROCEDURE toggle(lamp bigint)
BEGIN ATOMIC
    UPDATE lamps SET lit = NOT lit WHERE id = lamp;
END;
