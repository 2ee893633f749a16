-- case: a transaction whose guard is false has no effect to be afraid of
-- expect: never accounts_balance_check confluent
-- expect: withdraw accounts_balance_check not_confluent with withdraw scope account
-- route: never free
-- route: withdraw escrow_or_ordered
-- never is refused everywhere, so it conflicts with nobody, though it would overdraw.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE DOMAIN holds AS boolean CHECK (VALUE);

CREATE TABLE accounts (
    id       bigint PRIMARY KEY,
    balance  bigint NOT NULL CHECK (balance >= 0)
);

INSERT INTO accounts VALUES (1, 9);

CREATE PROCEDURE withdraw(account bigint, amount positive)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance - amount WHERE id = account;
END;

CREATE PROCEDURE never(account bigint, amount positive)
BEGIN ATOMIC
    SELECT (1 > 2)::holds;
    UPDATE accounts SET balance = balance - amount WHERE id = account;
END;
