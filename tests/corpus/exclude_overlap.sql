-- case: bookings of one room must not overlap
-- expect: book bookings_room_during_excl not_confluent with book scope room
-- route: book ordered
-- A: book(1, [1,5)). B: book(1, [3,8)). Ranges need not be equal to overlap, rooms must be.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE bookings (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    room    bigint NOT NULL,
    during  int8range NOT NULL,
    EXCLUDE USING gist (room WITH =, during WITH &&)
);

CREATE PROCEDURE book(room bigint, during int8range)
BEGIN ATOMIC
    INSERT INTO bookings (room, during) VALUES (room, during);
END;
