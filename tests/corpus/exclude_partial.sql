-- case: cancelled bookings do not count: cancelling is safe
-- expect: book bookings_room_excl not_confluent with book scope room
-- expect: cancel bookings_room_excl confluent
-- route: book ordered
-- route: cancel free
-- An EXCLUDE by = is a partial UNIQUE. cancel only takes rows out of it.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE bookings (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    room       bigint NOT NULL,
    cancelled  boolean NOT NULL DEFAULT false,
    EXCLUDE USING gist (room WITH =) WHERE (NOT cancelled)
);

CREATE PROCEDURE book(room bigint)
BEGIN ATOMIC
    INSERT INTO bookings (room) VALUES (room);
END;

CREATE PROCEDURE cancel(booking uuid)
BEGIN ATOMIC
    UPDATE bookings SET cancelled = true WHERE id = booking;
END;
