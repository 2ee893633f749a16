-- All or nothing over several tables: an order, its lines and the stock change together, at every node.
--
-- A store that replicates rows one by one shows an order without its lines, or stock that was taken for no order.
-- Here one transaction is one delta, merged whole. Placing an order takes from stock that must not go below zero, so
-- it is ordered; restocking and shipping are free:
--     anabranch check tools/examples/orders.sql

CREATE TABLE items (
    item   bigint PRIMARY KEY,
    stock  bigint NOT NULL CHECK (stock >= 0)
);

CREATE TABLE orders (
    id        uuid PRIMARY KEY,
    customer  text NOT NULL
);

CREATE TABLE lines (
    purchase  uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    item      bigint NOT NULL REFERENCES items,
    pieces    bigint NOT NULL CHECK (pieces > 0),
    PRIMARY KEY (purchase, item)
);

CREATE TABLE shipments (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    purchase  uuid REFERENCES orders ON DELETE CASCADE
);

CREATE SCHEMA assertion
    CREATE VIEW no_order_is_empty AS
        SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT FROM lines l WHERE l.purchase = o.id);

CREATE PROCEDURE add_item(number bigint)
BEGIN ATOMIC
    INSERT INTO items (item, stock) VALUES (number, 0);
END;

CREATE PROCEDURE restock(number bigint, pieces bigint)
BEGIN ATOMIC
    UPDATE items SET stock = stock + abs(pieces) WHERE item = number;
END;

CREATE PROCEDURE place_order(purchase uuid, customer text, first_item bigint, second_item bigint)
BEGIN ATOMIC
    INSERT INTO orders (id, customer) VALUES (purchase, customer);
    INSERT INTO lines (purchase, item, pieces) VALUES (purchase, first_item, 1), (purchase, second_item, 1);
    UPDATE items SET stock = stock - 1 WHERE item = first_item OR item = second_item;
END;

CREATE PROCEDURE ship(what uuid)
BEGIN ATOMIC
    INSERT INTO shipments (purchase) VALUES (what);
END;
