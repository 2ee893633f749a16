-- case: ON CONFLICT DO UPDATE adds: a counter per key, made by whoever comes first
-- expect: hit pages_pkey confluent
-- expect: hit pages_hits_check confluent
-- route: hit free
-- Under DO UPDATE SET c = c + e the inserted value is an addition too: two first hits make 2, never less than 0.

CREATE TABLE pages (
    url   text PRIMARY KEY,
    hits  bigint NOT NULL CHECK (hits >= 0)
);

CREATE PROCEDURE hit(url text)
BEGIN ATOMIC
    INSERT INTO pages (url, hits) VALUES (url, 1) ON CONFLICT (url) DO UPDATE SET hits = pages.hits + 1;
END;
