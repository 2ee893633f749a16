-- case: compare and set promises that nothing came between
-- expect: claim lost_update(jobs.owner) not_confluent with claim scope job
-- route: claim ordered
-- A: claim(1, 'ann'). B: claim(1, 'bob'). Both were told that they have it; one register keeps one.

CREATE TABLE jobs (
    id     bigint PRIMARY KEY,
    owner  text
);

INSERT INTO jobs VALUES (1, NULL), (2, NULL);

CREATE PROCEDURE claim(job bigint, who text)
BEGIN ATOMIC
    UPDATE jobs SET owner = who WHERE id = job AND owner IS NULL;
END;
