-- case: a withdrawal that also writes down who was there: the visit needs no order, and can be a call of its own
-- expect: withdraw purses_coins_check not_confluent with withdraw scope purse
-- expect: deposit purses_coins_check confluent
-- repair: withdraw purses_coins_check split
-- repair: withdraw purses_coins_check escrow
-- route: withdraw escrow_or_ordered
-- route: deposit free
-- Purse 1 has 5. A: withdraw(1, 4). B: withdraw(1, 4). No invariant reads both a purse and a visit.

CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE);
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE purses (
    id     bigint PRIMARY KEY,
    coins  bigint NOT NULL CHECK (coins >= 0)
);

CREATE TABLE visits (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    purse  bigint NOT NULL,
    guest  text NOT NULL
);

INSERT INTO purses VALUES (1, 5);

CREATE PROCEDURE withdraw(purse bigint, n positive, guest text)
BEGIN ATOMIC
    SELECT (guest <> '')::holds;
    UPDATE purses SET coins = coins - n WHERE id = purse;
    INSERT INTO visits (purse, guest) VALUES (purse, guest);
END;

CREATE PROCEDURE deposit(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;
