-- case: no bid above the limit: a bound of a maximum is a bound of each row
-- expect: bid assertion.limit_of_bids confluent
-- route: bid free
-- max(b) > 1000 exactly when some b > 1000; each row was checked where it was inserted and never changes.

CREATE TABLE bids (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    amount  bigint NOT NULL
);

CREATE SCHEMA assertion
    CREATE VIEW limit_of_bids AS SELECT max(amount) AS most FROM bids HAVING max(amount) > 1000;

CREATE PROCEDURE bid(amount bigint)
BEGIN ATOMIC
    INSERT INTO bids (amount) VALUES (amount);
END;
