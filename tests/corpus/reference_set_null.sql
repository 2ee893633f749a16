-- case: SET NULL: the merge lets go of the reference
-- expect: join_team players_team_fkey confluent
-- expect: disband players_team_fkey confluent
-- route: join_team free
-- route: disband free
-- team is nullable here. Who knows both facts reads NULL.

CREATE TABLE teams (
    id  bigint PRIMARY KEY
);

CREATE TABLE players (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint REFERENCES teams ON DELETE SET NULL
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
