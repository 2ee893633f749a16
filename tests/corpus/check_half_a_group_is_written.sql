-- case: who writes half a register group relies on the other half, and loses it to any other write
-- expect: set_low lost_update(ranges.low) not_confluent with set_low,set_range scope range_id
-- expect: set_range lost_update(ranges.low) not_confluent with set_low scope range_id
-- expect: set_range lost_update(ranges.high) not_confluent with set_low scope range_id
-- expect: set_low lost_update(ranges.high) not_confluent with set_range scope range_id
-- repair: set_low lost_update(ranges.low) group
-- repair: set_range lost_update(ranges.high) group
-- route: set_low ordered
-- route: set_range ordered
-- A: set_low(1, 5) ships (5, 9). B: set_range(1, 1, 2) ships (1, 2). Either winner is valid; the other's promise is gone. The CHECK itself is safe.

CREATE TABLE ranges (
    id    bigint PRIMARY KEY,
    low   bigint NOT NULL,
    high  bigint NOT NULL,
    CHECK (low <= high)
);

INSERT INTO ranges VALUES (1, 0, 9), (2, 0, 9);

CREATE PROCEDURE set_low(range_id bigint, l bigint)
BEGIN ATOMIC
    UPDATE ranges SET low = l WHERE id = range_id;
END;

CREATE PROCEDURE set_range(range_id bigint, l bigint, h bigint)
BEGIN ATOMIC
    UPDATE ranges SET low = l, high = h WHERE id = range_id;
END;
