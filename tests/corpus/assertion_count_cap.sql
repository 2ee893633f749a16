-- case: at most two members in a group, guarded by counting
-- expect: enter assertion.groups_of_two not_confluent with enter scope grp
-- expect: leave assertion.groups_of_two confluent
-- route: enter ordered
-- route: leave free
-- One member each at A and B beside one that both know: three. Leaving only lowers the count.

CREATE TABLE members (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    grp  bigint NOT NULL
);

CREATE SCHEMA assertion
    CREATE VIEW groups_of_two AS SELECT grp FROM members GROUP BY grp HAVING count(*) > 2;

CREATE PROCEDURE enter(grp bigint)
BEGIN ATOMIC
    INSERT INTO members (grp) VALUES (grp);
END;

CREATE PROCEDURE leave(member uuid)
BEGIN ATOMIC
    DELETE FROM members WHERE id = member;
END;
