-- case: more rows must be there than the encoding has slots for, and the keys still clash
-- expect: assemble engines_pkey not_confluent with assemble scope k
-- repair: assemble engines_pkey generated_key
-- route: assemble ordered
-- A: assemble(1). B: assemble(1). All six parts are there from the start, at both replicas.
-- Rows that a call reads by key have slots, four of a table at most; a fifth EXISTS that had to find its row in a slot
-- too would be false of every state, and what never runs conflicts with nothing.

CREATE DOMAIN holds AS boolean CHECK (VALUE);
CREATE TABLE parts (
    id  bigint PRIMARY KEY
);
CREATE TABLE engines (
    id  bigint PRIMARY KEY
);
INSERT INTO parts VALUES (1), (2), (3), (4), (5), (6);

CREATE PROCEDURE assemble(k bigint)
BEGIN ATOMIC
    SELECT (EXISTS (SELECT FROM parts p WHERE p.id = 1) AND EXISTS (SELECT FROM parts p WHERE p.id = 2))::holds;
    SELECT (EXISTS (SELECT FROM parts p WHERE p.id = 3) AND EXISTS (SELECT FROM parts p WHERE p.id = 4))::holds;
    SELECT (EXISTS (SELECT FROM parts p WHERE p.id = 5) AND EXISTS (SELECT FROM parts p WHERE p.id = 6))::holds;
    INSERT INTO engines (id) VALUES (k);
END;
