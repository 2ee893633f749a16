-- case: a stored count beside the rows it counts: both in one delta
-- expect: post assertion.count_is_right confluent
-- route: post free
-- Each delta adds one row and one to the counter; deltas are applied whole. Threads are never deleted, and made with a zero.

CREATE TABLE threads (
    id     bigint PRIMARY KEY,
    posts  bigint NOT NULL DEFAULT 0
);

CREATE TABLE posts (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    thread  bigint NOT NULL REFERENCES threads
);

INSERT INTO threads (id) VALUES (1), (2);

CREATE SCHEMA assertion
    CREATE VIEW count_is_right AS
        SELECT t.id FROM threads t WHERE t.posts <> (SELECT count(*) FROM posts p WHERE p.thread = t.id);

CREATE PROCEDURE post(thread bigint)
BEGIN ATOMIC
    INSERT INTO posts (thread) VALUES (thread);
    UPDATE threads SET posts = posts + 1 WHERE id = thread;
END;
