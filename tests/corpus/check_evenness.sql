-- case: a counter that moves by two stays even
-- expect: pair_up socks_n_check confluent
-- route: pair_up free
-- S, S+2 and S+2 even: S+4 is. The remainder is exact arithmetic for the solver, since the divisor is a constant.

CREATE TABLE socks (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 0 CHECK (n % 2 = 0)
);

INSERT INTO socks VALUES (1, 0);

CREATE PROCEDURE pair_up(drawer bigint)
BEGIN ATOMIC
    UPDATE socks SET n = n + 2 WHERE id = drawer;
END;
