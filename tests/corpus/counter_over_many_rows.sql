-- case: a raise for everybody: set-oriented additions merge, also with rows that arrive
-- expect: bonus wages_pay_check confluent
-- expect: hire wages_pay_check confluent
-- route: bonus free
-- route: hire free
-- bonus adds a positive amount to the rows it saw. The bound is from below. A row it did not see keeps its pay.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE wages (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    pay  bigint NOT NULL CHECK (pay >= 0)
);

CREATE PROCEDURE hire(pay bigint)
BEGIN ATOMIC
    INSERT INTO wages (pay) VALUES (pay);
END;

CREATE PROCEDURE bonus(extra positive)
BEGIN ATOMIC
    UPDATE wages SET pay = pay + extra;
END;
