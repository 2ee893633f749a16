-- case: ON CONFLICT DO NOTHING: the key is the row, and two inserts of it are one
-- expect: follow follows_pkey confluent
-- expect: unfollow follows_pkey confluent
-- route: follow free
-- route: unfollow free
-- follow(1, 2) at both is one row. Beside unfollow the insert wins; both are valid states.

CREATE TABLE follows (
    who   bigint,
    whom  bigint,
    PRIMARY KEY (who, whom)
);

CREATE PROCEDURE follow(a bigint, b bigint)
BEGIN ATOMIC
    INSERT INTO follows (who, whom) VALUES (a, b) ON CONFLICT DO NOTHING;
END;

CREATE PROCEDURE unfollow(a bigint, b bigint)
BEGIN ATOMIC
    DELETE FROM follows WHERE who = a AND whom = b;
END;
