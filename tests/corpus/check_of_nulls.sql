-- case: at least one of two columns is there: safe when both are written together
-- expect: set_contact people_check confluent
-- route: set_contact free
-- mail and phone are one group by the CHECK. A NULL never travels without the other half that made it legal.

CREATE TABLE people (
    id     bigint PRIMARY KEY,
    mail   text,
    phone  text,
    CHECK (mail IS NOT NULL OR phone IS NOT NULL)
);

INSERT INTO people VALUES (1, 'a@b', NULL);

CREATE PROCEDURE set_contact(person bigint, m text, p text)
BEGIN ATOMIC
    UPDATE people SET mail = m, phone = p WHERE id = person;
END;
