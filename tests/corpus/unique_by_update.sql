-- case: taking a free number by UPDATE: two rows take one number
-- expect: place lines_position_key not_confluent with place scope n
-- route: place ordered
-- Rows 1 and 2 at 1 and 2. A: place(1, 9). B: place(2, 9). The same row moved twice is one register, which no clash comes from.

CREATE TABLE lines (
    id        bigint PRIMARY KEY,
    position  bigint NOT NULL UNIQUE
);

INSERT INTO lines VALUES (1, 1), (2, 2);

CREATE PROCEDURE place(line bigint, n bigint)
BEGIN ATOMIC
    UPDATE lines SET position = n WHERE id = line;
END;
