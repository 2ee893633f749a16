-- case: NULLS NOT DISTINCT: two NULLs are one too many
-- expect: add slots_number_key not_confluent with add
-- route: add ordered
-- A: add(). B: add(). Merged: two rows with NULL, each alone where it was made.

CREATE TABLE slots (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number  bigint,
    UNIQUE NULLS NOT DISTINCT (number)
);

CREATE PROCEDURE add()
BEGIN ATOMIC
    INSERT INTO slots (number) VALUES (NULL);
END;
