-- case: deleting a claimed key conflicts with nobody; making it again claims it again
-- expect: take desks_pkey not_confluent with take scope desk
-- expect: give_back desks_pkey confluent
-- route: take ordered
-- route: give_back free
-- Two takes of one free desk. give_back removes the rows it saw, and a row cannot be taken while it is there.

CREATE TABLE desks (
    id   bigint PRIMARY KEY,
    who  text NOT NULL
);

CREATE PROCEDURE take(desk bigint, who text)
BEGIN ATOMIC
    INSERT INTO desks (id, who) VALUES (desk, who);
END;

CREATE PROCEDURE give_back(desk bigint)
BEGIN ATOMIC
    DELETE FROM desks WHERE id = desk;
END;
