-- case: an identity key is the replica's own
-- expect: log_line logs_pkey confluent
-- route: log_line free
-- Values of GENERATED ALWAYS AS IDENTITY carry the replica that made them.

CREATE TABLE logs (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line  text NOT NULL
);

CREATE PROCEDURE log_line(line text)
BEGIN ATOMIC
    INSERT INTO logs (line) VALUES (line);
END;
