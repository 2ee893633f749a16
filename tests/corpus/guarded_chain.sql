-- case: a guard that held at the origin need not hold where the effect arrives: three values, two of them one after the other
-- expect: set_y assertion.points_check not_confluent with move_on
-- expect: move_on assertion.points_check not_confluent with set_y
-- route: set_y ordered
-- route: move_on ordered
-- x goes 0, 1, 2 at A while B, still at 0, sets y. No two calls from one common state break it; the plain pairwise check says it is safe.

CREATE TABLE points (
    id  bigint PRIMARY KEY,
    x   bigint NOT NULL DEFAULT 0,
    y   bigint NOT NULL DEFAULT 0
);

CREATE SCHEMA assertion
    CREATE VIEW points_check AS SELECT id FROM points WHERE x = 2 AND y = 1;

INSERT INTO points VALUES (1, 0, 0);

CREATE PROCEDURE set_y()
SET anabranch.lost_update = 'allow'
BEGIN ATOMIC
    UPDATE points SET y = 1 WHERE id = 1 AND x = 0;
END;

CREATE PROCEDURE move_on()
SET anabranch.lost_update = 'allow'
BEGIN ATOMIC
    UPDATE points SET x = CASE x WHEN 0 THEN 1 ELSE 2 END WHERE id = 1;
END;
