-- case: prices copied from a list: the copy is a value, and blind
-- expect: reprice goods_price_check confluent
-- expect: set_list lists_price_check confluent
-- route: reprice free
-- route: set_list free
-- reprice reads the list's price (> 0 there by its own CHECK) and ships it. Whoever wins is positive.

CREATE TABLE lists (
    item   bigint PRIMARY KEY,
    price  bigint NOT NULL CHECK (price > 0)
);

CREATE TABLE goods (
    id     bigint PRIMARY KEY,
    price  bigint NOT NULL CHECK (price > 0)
);

INSERT INTO lists VALUES (1, 10);
INSERT INTO goods VALUES (1, 10);

CREATE PROCEDURE set_list(which bigint, p bigint)
BEGIN ATOMIC
    UPDATE lists SET price = p WHERE item = which;
END;

CREATE PROCEDURE reprice(good bigint)
BEGIN ATOMIC
    UPDATE goods g SET price = l.price FROM lists l WHERE l.item = g.id AND g.id = good;
END;
