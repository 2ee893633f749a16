-- case: two statements over whole tables copy two values of one row, and a third call changes that row in between
-- expect: copy_high assertion.low_is_not_high not_confluent with copy_low
-- expect: copy_low assertion.low_is_not_high not_confluent with copy_high
-- route: copy_high ordered
-- route: copy_low ordered
-- route: set_rates free
-- A: set_rates(1, 1), copy_high(). B: copy_low() of the old (5, 5). Merged: 1 below 5. What was read is a fact that set_rates falsifies, whichever row it is written to:
-- the pair (copy_high, set_rates) breaks no invariant, and still it needs a row in which the fact can fail.

CREATE TABLE highs (id bigint PRIMARY KEY, v bigint NOT NULL);
CREATE TABLE lows (id bigint PRIMARY KEY, v bigint NOT NULL);
CREATE TABLE rates (kind text PRIMARY KEY, high bigint NOT NULL, low bigint NOT NULL, CHECK (high >= low));
INSERT INTO highs VALUES (1, 100);
INSERT INTO lows VALUES (1, 0);
INSERT INTO rates VALUES ('yearly', 5, 5);
CREATE SCHEMA assertion CREATE VIEW low_is_not_high AS SELECT h.id FROM highs h, lows l WHERE h.v < l.v;
CREATE PROCEDURE copy_high() BEGIN ATOMIC
    UPDATE highs SET v = (SELECT r.high FROM rates r WHERE r.kind = 'yearly');
END;
CREATE PROCEDURE set_rates(h bigint, l bigint) BEGIN ATOMIC
    UPDATE rates SET high = h, low = l WHERE kind = 'yearly';
END;
CREATE PROCEDURE copy_low() BEGIN ATOMIC
    UPDATE lows SET v = (SELECT r.low FROM rates r WHERE r.kind = 'yearly');
END;
