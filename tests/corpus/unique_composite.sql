-- case: one seat of one show is sold once: both must be equal
-- expect: sell seats_show_seat_key not_confluent with sell scope show,seat
-- route: sell ordered
-- A: sell(1, 7). B: sell(1, 7). Other seats, or the same seat of another show, do not meet.

CREATE TABLE seats (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    show  bigint NOT NULL,
    seat  bigint NOT NULL,
    UNIQUE (show, seat)
);

CREATE PROCEDURE sell(show bigint, seat bigint)
BEGIN ATOMIC
    INSERT INTO seats (show, seat) VALUES (show, seat);
END;
