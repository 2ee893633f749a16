-- Meeting rooms: no two meetings in one room at one time (the calendar of the Bayou papers).
--
-- An eventually consistent store would take both bookings and tell one of the parties later. Here booking is ordered,
-- while notes and cancellations need nobody:
--     anabranch check tools/examples/meeting_rooms.sql

CREATE TABLE rooms (
    room   text PRIMARY KEY,
    seats  bigint NOT NULL CHECK (seats > 0)
);

CREATE TABLE meetings (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    room    text NOT NULL REFERENCES rooms,
    starts  timestamp NOT NULL,
    ends    timestamp NOT NULL,
    CHECK (starts < ends)
);

CREATE TABLE notes (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    meeting  uuid REFERENCES meetings ON DELETE CASCADE,
    note     text NOT NULL
);

CREATE INDEX meetings_by_room ON meetings (room, starts);

CREATE SCHEMA assertion
    CREATE VIEW one_meeting_at_a_time AS
        SELECT a.room, a.starts, b.starts AS other_starts
        FROM meetings a JOIN meetings b ON a.room = b.room AND a.id < b.id
        WHERE a.starts < b.ends AND b.starts < a.ends;

CREATE PROCEDURE add_room(name text, chairs bigint)
BEGIN ATOMIC
    INSERT INTO rooms (room, seats) VALUES (name, chairs);
END;

CREATE FUNCTION book(in_room text, from_time timestamp, to_time timestamp) RETURNS uuid LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO meetings (room, starts, ends) VALUES (in_room, from_time, to_time) RETURNING id;
END;

CREATE PROCEDURE cancel(what uuid)
BEGIN ATOMIC
    DELETE FROM meetings WHERE id = what;
END;

CREATE PROCEDURE add_note(about uuid, text_of_note text)
BEGIN ATOMIC
    INSERT INTO notes (meeting, note) VALUES (about, text_of_note);
END;
