-- case: STABLE and IMMUTABLE functions write nothing and wait for nobody
-- expect: total sales_pkey confluent
-- expect: sell sales_pkey confluent
-- route: total read_only
-- route: twice read_only
-- route: sell free
-- What reads only has no delta.

CREATE TABLE sales (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    amount  bigint NOT NULL
);

CREATE FUNCTION total() RETURNS numeric STABLE
RETURN (SELECT sum(amount) FROM sales);

CREATE FUNCTION twice(n bigint) RETURNS bigint IMMUTABLE
RETURN n * 2;

CREATE PROCEDURE sell(amount bigint)
BEGIN ATOMIC
    INSERT INTO sales (amount) VALUES (amount);
END;
