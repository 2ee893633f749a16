-- case: an amount that may be negative makes a deposit a withdrawal; a guard on the parameter is the repair
-- expect: deposit purses_coins_check not_confluent with deposit,withdraw scope purse
-- expect: withdraw purses_coins_check not_confluent with deposit,withdraw scope purse
-- repair: deposit purses_coins_check guard
-- route: deposit ordered
-- route: withdraw ordered
-- Purse 1 has 5. A: deposit(1, -4). B: withdraw(1, 4). With SELECT (n >= 0)::holds in it, deposit conflicts with nobody.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE purses (
    id     bigint PRIMARY KEY,
    coins  bigint NOT NULL CHECK (coins >= 0)
);

INSERT INTO purses VALUES (1, 5);

CREATE PROCEDURE deposit(purse bigint, n bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;

CREATE PROCEDURE withdraw(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
END;
