-- case: doubling reads what it writes
-- expect: double lost_update(cells.n) not_confluent with double scope cell
-- route: double ordered
-- A and B both make 2 of 1; in one order it would be 4. Not a sum, so not a counter.

CREATE TABLE cells (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 1
);

INSERT INTO cells (id) VALUES (1), (2);

CREATE PROCEDURE double(cell bigint)
BEGIN ATOMIC
    UPDATE cells SET n = n * 2 WHERE id = cell;
END;
