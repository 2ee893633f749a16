-- A bank: accounts that may not be overdrawn, and transfers between them.
--
-- Plain PostgreSQL 15: this very file loads there too. See which transactions may run at any replica without asking anyone:
--     anabranch check tools/examples/bank.sql

CREATE DOMAIN cents AS bigint CHECK (VALUE > 0);
CREATE DOMAIN known AS boolean NOT NULL CONSTRAINT account_is_known CHECK (VALUE);
CREATE DOMAIN distinct_accounts AS boolean NOT NULL CONSTRAINT payer_is_not_payee CHECK (VALUE);

CREATE TABLE accounts (
    id       bigint PRIMARY KEY,
    owner    text   NOT NULL,
    balance  bigint NOT NULL DEFAULT 0 CHECK (balance >= 0)
);

CREATE TABLE transfers (
    id      uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    payer   bigint NOT NULL REFERENCES accounts,
    payee   bigint NOT NULL REFERENCES accounts,
    amount  bigint NOT NULL CHECK (amount > 0)
);

CREATE INDEX transfers_by_payer ON transfers (payer);
CREATE INDEX transfers_by_payee ON transfers (payee);

-- A view in schema assertion must stay empty: its rows are the violations.
CREATE SCHEMA assertion
    CREATE VIEW nobody_pays_himself AS
        SELECT id, payer FROM transfers WHERE payer = payee;

CREATE PROCEDURE open_account(account bigint, owner text)
BEGIN ATOMIC
    INSERT INTO accounts (id, owner) VALUES (account, owner);
END;

CREATE PROCEDURE deposit(account bigint, amount cents)
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM accounts a WHERE a.id = account)::known;
    UPDATE accounts SET balance = balance + amount WHERE id = account;
END;

CREATE PROCEDURE withdraw(account bigint, amount cents)
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM accounts a WHERE a.id = account)::known;
    UPDATE accounts SET balance = balance - amount WHERE id = account;
END;

CREATE PROCEDURE transfer(payer bigint, payee bigint, amount cents)
BEGIN ATOMIC
    SELECT (payer <> payee)::distinct_accounts;
    UPDATE accounts SET balance = balance - amount WHERE id = payer;
    UPDATE accounts SET balance = balance + amount WHERE id = payee;
    INSERT INTO transfers (payer, payee, amount) VALUES (payer, payee, amount);
END;

CREATE PROCEDURE rename_owner(account bigint, new_owner text)
BEGIN ATOMIC
    UPDATE accounts SET owner = new_owner WHERE id = account;
END;

-- Refused (23503) while a transfer names the account.
CREATE PROCEDURE close_account(account bigint)
BEGIN ATOMIC
    DELETE FROM accounts WHERE id = account;
END;

CREATE FUNCTION statement(account bigint) RETURNS TABLE (other bigint, change bigint) STABLE
BEGIN ATOMIC
    SELECT t.payee, -t.amount FROM transfers t WHERE t.payer = account
    UNION ALL
    SELECT t.payer, t.amount FROM transfers t WHERE t.payee = account
    ORDER BY 1, 2;
END;
