-- case: unique among the live ones only: ending is safe, starting is not
-- expect: start sessions_live not_confluent with start scope person
-- expect: finish sessions_live confluent
-- route: start ordered
-- route: finish free
-- finish moves a row out of the index. Two starts for one person are two live sessions.

CREATE TABLE sessions (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person  bigint NOT NULL,
    live    boolean NOT NULL DEFAULT true
);

CREATE UNIQUE INDEX sessions_live ON sessions (person) WHERE live;

CREATE PROCEDURE start(person bigint)
BEGIN ATOMIC
    INSERT INTO sessions (person) VALUES (person);
END;

CREATE PROCEDURE finish(session uuid)
BEGIN ATOMIC
    UPDATE sessions SET live = false WHERE id = session;
END;
