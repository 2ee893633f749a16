-- case: replies go with the comment that they answer
-- expect: reply comments_parent_fkey confluent
-- expect: remove comments_parent_fkey confluent
-- route: reply free
-- route: remove free
-- A chain of CASCADE within one table: whoever knows of the removal hides all below it.

CREATE TABLE comments (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    parent  uuid REFERENCES comments ON DELETE CASCADE,
    body    text NOT NULL
);

CREATE PROCEDURE post(body text)
BEGIN ATOMIC
    INSERT INTO comments (parent, body) VALUES (NULL, body);
END;

CREATE PROCEDURE reply(answered uuid, body text)
BEGIN ATOMIC
    INSERT INTO comments (parent, body) VALUES (answered, body);
END;

CREATE PROCEDURE remove(which uuid)
BEGIN ATOMIC
    DELETE FROM comments WHERE id = which;
END;
