-- case: a shop: stock is spent, carts are facts, orders take what is there
-- expect: buy items_stock_check not_confluent with buy scope item_id
-- route: buy escrow_or_ordered
-- route: restock free
-- route: put free
-- route: drop_ free
-- route: set_price free
-- Item 1 has 3 left. A: buy(1, 2, ..). B: buy(1, 2, ..). Everything else adds, replaces blindly, or removes.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE items (
    id     bigint PRIMARY KEY,
    price  bigint NOT NULL CHECK (price > 0),
    stock  bigint NOT NULL DEFAULT 0 CHECK (stock >= 0)
);

CREATE TABLE carts (
    person  text,
    item    bigint REFERENCES items,
    pieces  bigint NOT NULL CHECK (pieces > 0),
    PRIMARY KEY (person, item)
);

CREATE TABLE sales (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    item    bigint NOT NULL REFERENCES items,
    pieces  bigint NOT NULL CHECK (pieces > 0),
    paid    bigint NOT NULL CHECK (paid > 0)
);

INSERT INTO items VALUES (1, 10, 3), (2, 5, 0);

CREATE PROCEDURE restock(item_id bigint, n positive)
BEGIN ATOMIC
    UPDATE items SET stock = stock + n WHERE id = item_id;
END;

CREATE PROCEDURE set_price(item_id bigint, p bigint)
BEGIN ATOMIC
    UPDATE items SET price = p WHERE id = item_id;
END;

CREATE PROCEDURE put(who text, item_id bigint, n positive)
BEGIN ATOMIC
    INSERT INTO carts (person, item, pieces) VALUES (who, item_id, n) ON CONFLICT (person, item) DO UPDATE SET pieces = n;
END;

CREATE PROCEDURE drop_(who text, item_id bigint)
BEGIN ATOMIC
    DELETE FROM carts WHERE person = who AND item = item_id;
END;

CREATE PROCEDURE buy(item_id bigint, n positive, money positive)
BEGIN ATOMIC
    UPDATE items SET stock = stock - n WHERE id = item_id;
    INSERT INTO sales (item, pieces, paid) VALUES (item_id, n, money);
END;
