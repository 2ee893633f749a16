-- case: reserved stays below stock: reservations conflict with each other; stock that arrives conflicts with nothing, shipping lowers both alike
-- expect: reserve goods_check not_confluent with reserve scope item
-- expect: restock goods_check confluent
-- expect: ship goods_check confluent
-- route: reserve escrow_or_ordered
-- route: restock free
-- route: ship free
-- Item 1 has stock 5, reserved 0. A: reserve(1, 4). B: reserve(1, 4). Merged: 8 > 5. ship leaves stock - reserved as it is.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE goods (
    id        bigint PRIMARY KEY,
    stock     bigint NOT NULL,
    reserved  bigint NOT NULL DEFAULT 0,
    CHECK (reserved <= stock)
);

INSERT INTO goods VALUES (1, 5, 0), (2, 0, 0);

CREATE PROCEDURE reserve(item bigint, q positive)
BEGIN ATOMIC
    UPDATE goods SET reserved = reserved + q WHERE id = item;
END;

CREATE PROCEDURE restock(item bigint, q positive)
BEGIN ATOMIC
    UPDATE goods SET stock = stock + q WHERE id = item;
END;

CREATE PROCEDURE ship(item bigint, q positive)
BEGIN ATOMIC
    UPDATE goods SET stock = stock - q, reserved = reserved - q WHERE id = item;
END;
