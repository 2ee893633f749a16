-- case: transfers between accounts: who pays conflicts with who pays, who is paid with nobody
-- expect: pay purses_coins_check not_confluent with pay
-- expect: earn purses_coins_check confluent
-- repair: pay purses_coins_check escrow
-- route: pay escrow_or_ordered
-- route: earn free
-- Purse 1 has 5. A: pay(1, 2, 4). B: pay(1, 2, 4). Merged: -3. Being paid only raises.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE purses (
    id     bigint PRIMARY KEY,
    coins  bigint NOT NULL DEFAULT 0 CHECK (coins >= 0)
);

INSERT INTO purses VALUES (1, 5), (2, 0);

CREATE PROCEDURE pay(payer bigint, payee bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = payer;
    UPDATE purses SET coins = coins + n WHERE id = payee;
END;

CREATE PROCEDURE earn(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;
