-- case: RESTRICT: a new child against the end of its parent
-- expect: join_team players_team_fkey not_confluent with disband scope team
-- expect: disband players_team_fkey not_confluent with join_team scope gone
-- route: join_team ordered
-- route: disband ordered
-- A: join_team(1). B: disband(1), which sees no player. Merged: a player of no team.

CREATE TABLE teams (
    id  bigint PRIMARY KEY
);

CREATE TABLE players (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint NOT NULL REFERENCES teams ON DELETE RESTRICT
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
