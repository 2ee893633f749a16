-- case: CASCADE: the merge takes the child with its parent
-- expect: join_team players_team_fkey confluent
-- expect: disband players_team_fkey confluent
-- route: join_team free
-- route: disband free
-- Who knows both facts hides the player: derived from the state, so no replica shows an orphan.

CREATE TABLE teams (
    id  bigint PRIMARY KEY
);

CREATE TABLE players (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint NOT NULL REFERENCES teams ON DELETE CASCADE
);

INSERT INTO teams VALUES (1), (2);

CREATE PROCEDURE join_team(team bigint)
BEGIN ATOMIC
    INSERT INTO players (team) VALUES (team);
END;

CREATE PROCEDURE disband(gone bigint)
BEGIN ATOMIC
    DELETE FROM teams WHERE id = gone;
END;
