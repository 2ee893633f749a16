-- case: double entry: every transaction posts both sides, so all sums stay zero
-- expect: transfer assertion.books_balance confluent
-- route: transfer free
-- Two rows, amount and -amount, in one delta. The sum of all is unchanged by every delta.

CREATE TABLE postings (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account  bigint NOT NULL,
    amount   bigint NOT NULL
);

CREATE SCHEMA assertion
    CREATE VIEW books_balance AS SELECT sum(amount) AS off FROM postings HAVING sum(amount) <> 0;

CREATE PROCEDURE transfer(payer bigint, payee bigint, amount bigint)
BEGIN ATOMIC
    INSERT INTO postings (account, amount) VALUES (payer, -amount), (payee, amount);
END;
