-- case: every change keeps the sum of two counters, so merging does
-- expect: move purses_check confluent
-- route: move free
-- left + right = 100 is linear, each delta adds x and -x. No bound is declared, so neither side may run dry: there is nothing to overdraw.

CREATE TABLE purses (
    id     bigint PRIMARY KEY,
    left_  bigint NOT NULL,
    right_ bigint NOT NULL,
    CHECK (left_ + right_ = 100)
);

INSERT INTO purses VALUES (1, 100, 0);

CREATE PROCEDURE move(purse bigint, x bigint)
BEGIN ATOMIC
    UPDATE purses SET left_ = left_ - x, right_ = right_ + x WHERE id = purse;
END;
