-- case: a guard that there is no child is true at a replica that has not heard of it
-- expect: join_team players_team_fkey not_confluent with disband scope team
-- expect: disband players_team_fkey not_confluent with join_team scope gone
-- route: join_team ordered
-- route: disband ordered
-- The guard is RESTRICT by hand, with the same hole.

CREATE TABLE teams (
    id  bigint PRIMARY KEY
);

CREATE TABLE players (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint NOT NULL REFERENCES teams
);

INSERT INTO teams VALUES (1), (2);

CREATE PROCEDURE join_team(team bigint)
BEGIN ATOMIC
    INSERT INTO players (team) VALUES (team);
END;

CREATE PROCEDURE disband(gone bigint)
BEGIN ATOMIC
    DELETE FROM teams WHERE id = gone AND NOT EXISTS (SELECT FROM players p WHERE p.team = gone);
END;
