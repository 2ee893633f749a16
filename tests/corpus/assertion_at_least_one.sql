-- case: at least one administrator: two that step down leave none
-- expect: step_down assertion.somebody_is_admin not_confluent with step_down
-- expect: appoint assertion.somebody_is_admin confluent
-- route: step_down ordered
-- route: appoint free
-- ann and bob are admins. A: step_down('ann'). B: step_down('bob'). Each saw the other stay. The names differ, so there is no scope.

CREATE TABLE admins (
    name  text PRIMARY KEY
);

INSERT INTO admins VALUES ('ann'), ('bob');

CREATE SCHEMA assertion
    CREATE VIEW somebody_is_admin AS SELECT 1 AS none WHERE NOT EXISTS (SELECT FROM admins);

CREATE PROCEDURE appoint(who text)
BEGIN ATOMIC
    INSERT INTO admins (name) VALUES (who) ON CONFLICT DO NOTHING;
END;

CREATE PROCEDURE step_down(who text)
BEGIN ATOMIC
    DELETE FROM admins WHERE name = who;
END;
