-- case: a counter between two bounds: ups conflict with ups, downs with downs, and ups not with downs
-- expect: up dials_n_check not_confluent with up scope dial
-- expect: down dials_n_check not_confluent with down scope dial
-- repair: up dials_n_check escrow
-- repair: down dials_n_check escrow
-- route: up escrow_or_ordered
-- route: down escrow_or_ordered
-- Steps are of one: S, S+1 and S-1 in bounds and merged back to S. Two ups from 9 reach 11, two downs from 1 reach -1.

CREATE TABLE dials (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 1 CHECK (n >= 0 AND n <= 10)
);

INSERT INTO dials VALUES (1, 1), (2, 9);

CREATE PROCEDURE up(dial bigint)
BEGIN ATOMIC
    UPDATE dials SET n = n + 1 WHERE id = dial;
END;

CREATE PROCEDURE down(dial bigint)
BEGIN ATOMIC
    UPDATE dials SET n = n - 1 WHERE id = dial;
END;
