-- case: MERGE is an UPDATE of what matches and an INSERT of what does not: each is judged as such
-- expect: credit accounts_pkey not_confluent with credit scope who
-- expect: credit accounts_balance_check confluent
-- expect: top_up accounts_balance_check confluent
-- expect: take accounts_balance_check not_confluent with take scope who
-- route: credit ordered
-- route: top_up free
-- route: take escrow_or_ordered
-- Two credits of one unknown account are two claims to its key; adding to an account that is there commutes;
-- two takings that were each covered where they ran overdraw together.

CREATE DOMAIN amount AS bigint CHECK (VALUE > 0);

CREATE TABLE accounts (
    id       bigint PRIMARY KEY,
    balance  bigint NOT NULL CHECK (balance >= 0)
);

INSERT INTO accounts VALUES (1, 10);

CREATE PROCEDURE credit(who bigint, n amount)
BEGIN ATOMIC
    MERGE INTO accounts a USING (SELECT who AS id, n AS more) s ON a.id = s.id
        WHEN MATCHED THEN UPDATE SET balance = a.balance + s.more
        WHEN NOT MATCHED THEN INSERT (id, balance) VALUES (s.id, s.more);
END;

CREATE PROCEDURE top_up(who bigint, n amount)
BEGIN ATOMIC
    MERGE INTO accounts a USING (VALUES (who, n)) s(id, more) ON a.id = s.id
        WHEN MATCHED THEN UPDATE SET balance = a.balance + s.more
        WHEN NOT MATCHED THEN DO NOTHING;
END;

CREATE PROCEDURE take(who bigint, n amount)
BEGIN ATOMIC
    MERGE INTO accounts a USING (SELECT who AS id, n AS less) s ON a.id = s.id
        WHEN MATCHED AND a.balance >= s.less THEN UPDATE SET balance = a.balance - s.less;
END;
