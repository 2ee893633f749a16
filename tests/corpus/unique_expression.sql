-- case: unique up to case: names that differ in case only clash
-- expect: sign_up users_lower_idx not_confluent with sign_up
-- route: sign_up ordered
-- A: sign_up('Ann'). B: sign_up('ann'). The parameters need not be equal, so the order is not kept per handle.

CREATE TABLE users (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    handle  text NOT NULL
);

CREATE UNIQUE INDEX users_lower_idx ON users (lower(handle));

CREATE PROCEDURE sign_up(handle text)
BEGIN ATOMIC
    INSERT INTO users (handle) VALUES (handle);
END;
