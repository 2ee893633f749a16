-- case: a reference of two columns: both must be equal for the race
-- expect: book bookings_venue_hall_fkey not_confluent with close_hall
-- expect: close_hall bookings_venue_hall_fkey not_confluent with book
-- route: book ordered
-- route: close_hall ordered
-- A: book(1, 2). B: close_hall(1, 2). Merged: a booking of no hall.

CREATE TABLE halls (
    venue  bigint,
    hall   bigint,
    PRIMARY KEY (venue, hall)
);

CREATE TABLE bookings (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    venue  bigint NOT NULL,
    hall   bigint NOT NULL,
    FOREIGN KEY (venue, hall) REFERENCES halls
);

INSERT INTO halls VALUES (1, 1), (1, 2);

CREATE PROCEDURE book(v bigint, h bigint)
BEGIN ATOMIC
    INSERT INTO bookings (venue, hall) VALUES (v, h);
END;

CREATE PROCEDURE close_hall(v bigint, h bigint)
BEGIN ATOMIC
    DELETE FROM halls WHERE venue = v AND hall = h;
END;
