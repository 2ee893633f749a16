-- case: a CHECK that is unknown passes: a NULL bound binds nobody, and an open bound cannot be closed by both sides
-- expect: take boxes_check not_confluent with take scope box
-- expect: open_up boxes_check confluent
-- route: open_up free
-- route: take escrow_or_ordered
-- room - used >= 0 is unknown while room is NULL. open_up only ever makes it NULL, which makes the CHECK true. Two takes from (room 1, used 0) do
-- not fit.

CREATE TABLE boxes (
    id    bigint PRIMARY KEY,
    room  bigint,
    used  bigint NOT NULL DEFAULT 0,
    CHECK (room - used >= 0)
);

INSERT INTO boxes VALUES (1, 1, 0), (2, NULL, 0);

CREATE PROCEDURE take(box bigint)
BEGIN ATOMIC
    UPDATE boxes SET used = used + 1 WHERE id = box;
END;

CREATE PROCEDURE open_up(box bigint)
BEGIN ATOMIC
    UPDATE boxes SET room = NULL WHERE id = box;
END;
