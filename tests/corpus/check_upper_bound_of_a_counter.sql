-- case: seats: increments under a cap conflict with each other, decrements with nothing
-- expect: board buses_taken_check not_confluent with board scope bus
-- expect: leave buses_taken_check confluent
-- route: board escrow_or_ordered
-- route: leave free
-- Bus 1 has 1 of 2 taken. A: board(1). B: board(1). Merged: 3. leave only lowers what the cap bounds.

CREATE TABLE buses (
    id     bigint PRIMARY KEY,
    taken  bigint NOT NULL DEFAULT 0 CHECK (taken <= 2)
);

INSERT INTO buses VALUES (1, 1), (2, 0);

CREATE PROCEDURE board(bus bigint)
BEGIN ATOMIC
    UPDATE buses SET taken = taken + 1 WHERE id = bus;
END;

CREATE PROCEDURE leave(bus bigint)
BEGIN ATOMIC
    UPDATE buses SET taken = taken - 1 WHERE id = bus;
END;
