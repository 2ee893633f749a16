-- case: what is sold has a price: two writers that write both columns
-- expect: sell ads_check confluent
-- expect: reopen ads_check confluent
-- route: sell free
-- route: reopen free
-- (state, price) is one group; sell writes ('sold', p > 0), reopen ('open', 0). Either is valid.

CREATE TYPE ad_state AS ENUM ('open', 'sold');

CREATE TABLE ads (
    id     bigint PRIMARY KEY,
    state  ad_state NOT NULL DEFAULT 'open',
    price  bigint NOT NULL DEFAULT 0,
    CHECK (state <> 'sold' OR price > 0)
);

INSERT INTO ads (id) VALUES (1);

CREATE PROCEDURE sell(ad bigint, p bigint)
BEGIN ATOMIC
    UPDATE ads SET state = 'sold', price = p WHERE id = ad;
END;

CREATE PROCEDURE reopen(ad bigint)
BEGIN ATOMIC
    UPDATE ads SET state = 'open', price = 0 WHERE id = ad;
END;
