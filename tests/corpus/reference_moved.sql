-- case: moving a child to a parent that is being deleted
-- expect: transfer players_team_fkey not_confluent with disband scope to_team
-- expect: disband players_team_fkey not_confluent with transfer scope gone
-- route: transfer ordered
-- route: disband ordered
-- A: transfer(p, 2). B: disband(2). join_team goes to team 1, which is never deleted, and conflicts with nobody.

CREATE TABLE teams (
    id  bigint PRIMARY KEY
);

CREATE TABLE players (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint NOT NULL REFERENCES teams
);

INSERT INTO teams VALUES (1), (2);

CREATE PROCEDURE join_first()
BEGIN ATOMIC
    INSERT INTO players (team) VALUES (1);
END;

CREATE PROCEDURE transfer(player uuid, to_team bigint)
BEGIN ATOMIC
    UPDATE players SET team = to_team WHERE id = player;
END;

CREATE PROCEDURE disband(gone bigint)
BEGIN ATOMIC
    DELETE FROM teams WHERE id = gone AND id <> 1;
END;
