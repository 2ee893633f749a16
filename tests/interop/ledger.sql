-- Each call has a row of its own, which counts how often it was carried out.
CREATE TABLE done (
    id     bigint PRIMARY KEY,
    times  bigint NOT NULL CHECK (times < 1000)
);

CREATE PROCEDURE perform(i bigint)
BEGIN ATOMIC
    INSERT INTO done (id, times) VALUES (i, 1) ON CONFLICT (id) DO UPDATE SET times = done.times + 1;
END;
