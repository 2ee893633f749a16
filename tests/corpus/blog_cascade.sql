-- case: comments go with their post, wherever they were written meanwhile
-- expect: comment comments_post_fkey confluent
-- expect: unpublish comments_post_fkey confluent
-- route: publish free
-- route: comment free
-- route: unpublish free

CREATE TABLE posts (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title  text NOT NULL
);
CREATE TABLE comments (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    post  uuid NOT NULL REFERENCES posts ON DELETE CASCADE,
    body  text NOT NULL CHECK (body <> '')
);
CREATE PROCEDURE publish(title text)
BEGIN ATOMIC
    INSERT INTO posts (title) VALUES (title);
END;
CREATE PROCEDURE comment(post uuid, body text)
BEGIN ATOMIC
    INSERT INTO comments (post, body) VALUES (post, body);
END;
CREATE PROCEDURE unpublish(post uuid)
BEGIN ATOMIC
    DELETE FROM posts WHERE id = post;
END;
