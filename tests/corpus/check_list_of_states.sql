-- case: a register that is only assigned values of its list keeps to the list
-- expect: publish posts_state_check confluent
-- expect: withdraw posts_state_check confluent
-- route: publish free
-- route: withdraw free
-- Whichever write wins wrote 'public' or 'gone', both in the list. What the winner is does not matter to the CHECK.

CREATE TABLE posts (
    id     bigint PRIMARY KEY,
    state  text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'public', 'gone'))
);

INSERT INTO posts (id) VALUES (1), (2);

CREATE PROCEDURE publish(post bigint)
BEGIN ATOMIC
    UPDATE posts SET state = 'public' WHERE id = post;
END;

CREATE PROCEDURE withdraw(post bigint)
BEGIN ATOMIC
    UPDATE posts SET state = 'gone' WHERE id = post;
END;
