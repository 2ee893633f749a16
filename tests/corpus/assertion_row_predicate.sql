-- case: an assertion over one row is a CHECK
-- expect: set_size assertion.size_is_known confluent
-- route: set_size free
-- One register, and the view reads nothing else.

CREATE TABLE shirts (
    id    bigint PRIMARY KEY,
    size  text NOT NULL
);

INSERT INTO shirts VALUES (1, 'M');

CREATE SCHEMA assertion
    CREATE VIEW size_is_known AS SELECT id FROM shirts WHERE size NOT IN ('S', 'M', 'L');

CREATE PROCEDURE set_size(shirt bigint, s text)
BEGIN ATOMIC
    UPDATE shirts SET size = s WHERE id = shirt;
END;
