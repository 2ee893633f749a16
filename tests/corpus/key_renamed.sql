-- case: changing a key column claims the new key
-- expect: rename rooms_pkey not_confluent with rename
-- route: rename ordered
-- Rooms 'a' and 'b'. A: rename('a', 'c'). B: rename('b', 'c'). Merged: two rooms 'c'. Both renaming 'a' to different names is two new rows.

CREATE TABLE rooms (
    name  text PRIMARY KEY
);

INSERT INTO rooms VALUES ('a'), ('b');

CREATE PROCEDURE rename(old_name text, new_name text)
SET anabranch.lost_update = 'allow'
BEGIN ATOMIC
    UPDATE rooms SET name = new_name WHERE name = old_name;
END;
