-- case: greatest() merges as a maximum: no write is lost, and a lower bound only gets easier
-- expect: score players_best_check confluent
-- route: score free
-- Every write is best = greatest(best, e): the merge takes the greatest of all.

CREATE TABLE players (
    id    bigint PRIMARY KEY,
    best  bigint NOT NULL DEFAULT 0 CHECK (best >= 0)
);

INSERT INTO players (id) VALUES (1);

CREATE PROCEDURE score(player bigint, points bigint)
BEGIN ATOMIC
    UPDATE players SET best = greatest(best, points) WHERE id = player;
END;
