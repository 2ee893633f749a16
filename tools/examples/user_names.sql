-- User names: each belongs to one person, though people sign up at any node.
--
-- An eventually consistent store would let two people take one name at two nodes and find out later. Here claiming a
-- name is ordered, and whatever needs no agreement stays free:
--     anabranch check tools/examples/user_names.sql

CREATE TABLE people (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email  text NOT NULL
);

CREATE TABLE names (
    name   text PRIMARY KEY CHECK (name = lower(name) AND name <> ''),
    owner  uuid NOT NULL REFERENCES people
);

CREATE DOMAIN own_name AS boolean NOT NULL CONSTRAINT name_is_ones_own CHECK (VALUE);

CREATE FUNCTION sign_up(email text) RETURNS uuid LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO people (email) VALUES (email) RETURNING id;
END;

CREATE PROCEDURE change_email(person uuid, new_email text)
BEGIN ATOMIC
    UPDATE people SET email = new_email WHERE id = person;
END;

CREATE PROCEDURE claim_name(person uuid, wanted text)
BEGIN ATOMIC
    INSERT INTO names (name, owner) VALUES (wanted, person);
END;

CREATE PROCEDURE give_up_name(person uuid, old text)
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM names n WHERE n.name = old AND n.owner = person)::own_name;
    DELETE FROM names WHERE name = old AND owner = person;
END;
