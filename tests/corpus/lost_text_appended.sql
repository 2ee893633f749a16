-- case: appending to a text reads it
-- expect: note lost_update(files.notes) not_confluent with note scope file
-- route: note ordered
-- A: note(1, 'x'). B: note(1, 'y'). One note is lost.

CREATE TABLE files (
    id     bigint PRIMARY KEY,
    notes  text NOT NULL DEFAULT ''
);

INSERT INTO files (id) VALUES (1);

CREATE PROCEDURE note(file bigint, words text)
BEGIN ATOMIC
    UPDATE files SET notes = notes || words WHERE id = file;
END;
