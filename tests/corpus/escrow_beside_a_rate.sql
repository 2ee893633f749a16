-- case: a rate that anybody may change is read where fees are paid back; its sign is known of every rate that ever was, so only debits spend the slack
-- expect: debit accounts_balance_check not_confluent with debit scope account
-- repair: debit accounts_balance_check escrow
-- route: debit ordered
-- route: pay_back free
-- route: set_rate free
-- What pay_back adds was read at its origin from a row that satisfied the CHECK there. That it equals the rate is not stable, that it is >= 0 is.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE rates (kind text PRIMARY KEY, cents bigint NOT NULL CHECK (cents >= 0));
INSERT INTO accounts VALUES (1, 10), (2, 0);
INSERT INTO rates VALUES ('fee', 3);

CREATE PROCEDURE debit(account bigint, amount positive)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance - amount WHERE id = account;
END;

CREATE PROCEDURE pay_back(account bigint)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance + coalesce((SELECT r.cents FROM rates r WHERE r.kind = 'fee'), 0) WHERE id = account;
END;

CREATE PROCEDURE set_rate(n bigint)
BEGIN ATOMIC
    UPDATE rates SET cents = n WHERE kind = 'fee';
END;
