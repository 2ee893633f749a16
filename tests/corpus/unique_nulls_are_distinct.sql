-- case: NULLs do not clash in an ordinary UNIQUE
-- expect: add cards_number_key confluent
-- expect: drop_number cards_number_key confluent
-- route: add free
-- route: drop_number free
-- add and drop_number only ever write NULL into the column.

CREATE TABLE cards (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number  bigint UNIQUE
);

CREATE PROCEDURE add()
BEGIN ATOMIC
    INSERT INTO cards (number) VALUES (NULL);
END;

CREATE PROCEDURE drop_number(card uuid)
BEGIN ATOMIC
    UPDATE cards SET number = NULL WHERE id = card;
END;
