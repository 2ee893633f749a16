-- case: inserting the elements of an array under chosen keys
-- expect: add_all tags_pkey not_confluent with add_all
-- route: add_all ordered
-- A: add_all('{1}'). B: add_all('{1}'). Arrays that share one element suffice, so no parameter must be equal.

CREATE TABLE tags (
    id  bigint PRIMARY KEY
);

CREATE PROCEDURE add_all(ids bigint[])
BEGIN ATOMIC
    INSERT INTO tags (id) SELECT u.id FROM unnest(ids) AS u (id);
END;
