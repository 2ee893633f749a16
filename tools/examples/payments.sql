-- Payments with a request log: a request that is sent twice is carried out once, at payer and payee alike.
--
-- The request's key is made by the client. The log and both balances are written by one transaction, so that none of
-- the three is ever there without the others:
--     anabranch check tools/examples/payments.sql

CREATE DOMAIN cents AS bigint CHECK (VALUE > 0);

CREATE TABLE accounts (
    id       bigint PRIMARY KEY,
    balance  bigint NOT NULL DEFAULT 0 CHECK (balance >= 0)
);

CREATE TABLE requests (
    id      uuid PRIMARY KEY,
    payer   bigint NOT NULL REFERENCES accounts,
    payee   bigint NOT NULL REFERENCES accounts,
    amount  bigint NOT NULL CHECK (amount > 0)
);

CREATE INDEX requests_by_payer ON requests (payer);
CREATE INDEX requests_by_payee ON requests (payee);

CREATE PROCEDURE open_account(account bigint)
BEGIN ATOMIC
    INSERT INTO accounts (id) VALUES (account);
END;

CREATE PROCEDURE pay_in(account bigint, amount cents)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance + amount WHERE id = account;
END;

-- A second time 23505: the request has been carried out already.
CREATE PROCEDURE pay(request uuid, from_account bigint, to_account bigint, amount cents)
BEGIN ATOMIC
    INSERT INTO requests (id, payer, payee, amount) VALUES (request, from_account, to_account, amount);
    UPDATE accounts SET balance = balance - amount WHERE id = from_account;
    UPDATE accounts SET balance = balance + amount WHERE id = to_account;
END;

CREATE FUNCTION turnover(account bigint) RETURNS bigint STABLE LANGUAGE sql
BEGIN ATOMIC
    SELECT coalesce(sum(r.amount), 0)::bigint FROM requests r WHERE r.payer = account OR r.payee = account;
END;
