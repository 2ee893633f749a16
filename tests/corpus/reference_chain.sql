-- case: CASCADE into RESTRICT: deleting the top takes the middle away from a new leaf
-- expect: add_leaf leaves_mid_fkey not_confluent with drop_top
-- expect: drop_top leaves_mid_fkey not_confluent with add_leaf
-- expect: add_leaf mids_top_fkey confluent
-- expect: add_mid mids_top_fkey confluent
-- undecided: drop_top leaves_mid_fkey
-- repair: drop_top leaves_mid_fkey cascade
-- route: add_leaf ordered
-- route: drop_top ordered
-- route: add_mid free
-- A: add_leaf(m). B: drop_top(1), which hides mid m. The leaf stays and refers to nothing.

CREATE TABLE tops (
    id  bigint PRIMARY KEY
);

CREATE TABLE mids (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    top  bigint NOT NULL REFERENCES tops ON DELETE CASCADE
);

CREATE TABLE leaves (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    mid  uuid NOT NULL REFERENCES mids
);

INSERT INTO tops VALUES (1), (2);

CREATE PROCEDURE add_mid(top bigint)
BEGIN ATOMIC
    INSERT INTO mids (top) VALUES (top);
END;

CREATE PROCEDURE add_leaf(mid uuid)
BEGIN ATOMIC
    INSERT INTO leaves (mid) VALUES (mid);
END;

CREATE PROCEDURE drop_top(which bigint)
BEGIN ATOMIC
    DELETE FROM tops WHERE id = which;
END;
