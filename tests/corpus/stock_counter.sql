-- case: selling draws a counter down to its bound, restocking only lifts it
-- expect: sell items_stock_check not_confluent with sell scope item
-- expect: restock items_stock_check confluent
-- repair: sell items_stock_check escrow
-- route: sell escrow_or_ordered
-- route: restock free

CREATE DOMAIN pieces AS bigint CHECK (VALUE > 0);
CREATE TABLE items (
    id     bigint PRIMARY KEY,
    stock  bigint NOT NULL CHECK (stock >= 0)
);
INSERT INTO items VALUES (1, 3), (2, 3);
CREATE PROCEDURE sell(item bigint, n pieces)
BEGIN ATOMIC
    UPDATE items SET stock = stock - n WHERE id = item;
END;
CREATE PROCEDURE restock(item bigint, n pieces)
BEGIN ATOMIC
    UPDATE items SET stock = stock + n WHERE id = item;
END;
