-- case: a blind write depends on nothing, so nothing is lost that anybody was promised
-- expect: set_n lost_update(cells.n) confluent
-- expect: set_and_tell lost_update(cells.n) confluent
-- route: set_n free
-- route: set_and_tell free
-- The last writer wins, which is what a blind write asks for. RETURNING shows the row as this replica leaves
-- it; the new value and the WHERE decide what is written, and neither reads n.

CREATE TABLE cells (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 1
);

INSERT INTO cells (id) VALUES (1), (2);

CREATE PROCEDURE set_n(cell bigint, v bigint)
BEGIN ATOMIC
    UPDATE cells SET n = v WHERE id = cell;
END;

CREATE PROCEDURE set_and_tell(cell bigint, v bigint, OUT told bigint)
BEGIN ATOMIC
    UPDATE cells SET n = v WHERE id = cell RETURNING n;
END;
