-- case: NOT EXISTS before the INSERT is true at both replicas
-- expect: reserve names_name_key not_confluent with reserve scope wanted
-- route: reserve ordered
-- The guard reads what the other replica has not yet told. It refuses a second call at one replica, not at two.

CREATE TABLE names (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name  text NOT NULL UNIQUE
);

CREATE PROCEDURE reserve(wanted text)
BEGIN ATOMIC
    INSERT INTO names (name) SELECT wanted WHERE NOT EXISTS (SELECT FROM names n WHERE n.name = wanted);
END;
