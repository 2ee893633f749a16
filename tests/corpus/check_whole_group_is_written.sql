-- case: a CHECK over two columns holds when every writer writes both
-- expect: set_range ranges_check confluent
-- route: set_range free
-- low and high are one register group: the later of two valid pairs wins as a whole. Nothing is read, so no update is lost.

CREATE TABLE ranges (
    id    bigint PRIMARY KEY,
    low   bigint NOT NULL,
    high  bigint NOT NULL,
    CHECK (low <= high)
);

INSERT INTO ranges VALUES (1, 0, 9), (2, 0, 9);

CREATE PROCEDURE set_range(range_id bigint, l bigint, h bigint)
BEGIN ATOMIC
    UPDATE ranges SET low = l, high = h WHERE id = range_id;
END;
