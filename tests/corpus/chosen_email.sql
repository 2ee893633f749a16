-- case: an address that people choose must be unique, a key that the system makes always is
-- expect: register members_email_key not_confluent with register scope email
-- expect: register members_pkey confluent
-- expect: leave members_email_key confluent
-- route: register ordered
-- route: leave free

CREATE TABLE members (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email  text NOT NULL UNIQUE
);
CREATE PROCEDURE register(email text)
BEGIN ATOMIC
    INSERT INTO members (email) VALUES (email);
END;
CREATE PROCEDURE leave(who uuid)
BEGIN ATOMIC
    DELETE FROM members WHERE id = who;
END;
