-- case: a random key claims nothing, and is known to its maker by RETURNING
-- expect: open_ticket tickets_pkey confluent
-- route: open_ticket free
-- gen_random_uuid() is drawn at the origin and travels as a value.

CREATE TABLE tickets (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title  text NOT NULL
);

CREATE FUNCTION open_ticket(title text) RETURNS uuid
BEGIN ATOMIC
    INSERT INTO tickets (title) VALUES (title) RETURNING id;
END;
