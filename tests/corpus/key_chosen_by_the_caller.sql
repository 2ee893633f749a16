-- case: two plain INSERTs of one chosen key are two claims to it
-- expect: add tags_pkey not_confluent with add scope tag
-- repair: add tags_pkey generated_key
-- repair: add tags_pkey on_conflict
-- route: add ordered
-- A: add('sql'). B: add('sql'). Each was the first where it ran.

CREATE TABLE tags (
    name  text PRIMARY KEY
);

CREATE PROCEDURE add(tag text)
BEGIN ATOMIC
    INSERT INTO tags (name) VALUES (tag);
END;
