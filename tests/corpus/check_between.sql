-- case: BETWEEN over an assigned register
-- expect: rate films_stars_check confluent
-- route: rate free
-- Every write was within the bounds where it ran, and one whole write wins.

CREATE TABLE films (
    id     bigint PRIMARY KEY,
    stars  bigint NOT NULL DEFAULT 3 CHECK (stars BETWEEN 1 AND 5)
);

INSERT INTO films (id) VALUES (1);

CREATE PROCEDURE rate(film bigint, n bigint)
BEGIN ATOMIC
    UPDATE films SET stars = n WHERE id = film;
END;
