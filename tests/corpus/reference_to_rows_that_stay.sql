-- case: references to rows that nobody deletes
-- expect: join_team players_team_fkey confluent
-- expect: found teams_pkey confluent
-- route: join_team free
-- route: found free
-- The parent was there where the child was made, causal delivery brings it first, and nothing takes it away.

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

CREATE PROCEDURE found(team bigint)
BEGIN ATOMIC
    INSERT INTO teams (id) VALUES (team) ON CONFLICT DO NOTHING;
END;
