-- case: the opt-out: the procedure says that losing one is fine
-- expect: double lost_update(cells.n) confluent
-- route: double free
-- SET anabranch.lost_update = 'allow'.

CREATE TABLE cells (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 1
);

INSERT INTO cells (id) VALUES (1), (2);

CREATE PROCEDURE double(cell bigint)
SET anabranch.lost_update = 'allow'
BEGIN ATOMIC
    UPDATE cells SET n = n * 2 WHERE id = cell;
END;
