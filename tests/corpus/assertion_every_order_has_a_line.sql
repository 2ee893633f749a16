-- case: every order has a line: made together, and lines may not be taken away by two
-- expect: place assertion.no_empty_order confluent
-- expect: drop_line assertion.no_empty_order not_confluent with drop_line
-- expect: add_line assertion.no_empty_order confluent
-- route: place free
-- route: drop_line ordered
-- An order with two lines. A drops the one, B the other; each saw one stay.

CREATE SCHEMA merge;
CREATE DOMAIN merge.fresh AS uuid;

CREATE TABLE orders (
    id  uuid PRIMARY KEY
);

CREATE TABLE lines (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_  uuid NOT NULL REFERENCES orders
);

CREATE SCHEMA assertion
    CREATE VIEW no_empty_order AS
        SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT FROM lines l WHERE l.order_ = o.id);

CREATE PROCEDURE place(number merge.fresh)
BEGIN ATOMIC
    INSERT INTO orders (id) VALUES (number);
    INSERT INTO lines (order_) VALUES (number);
END;

CREATE PROCEDURE add_line(to_order uuid)
BEGIN ATOMIC
    INSERT INTO lines (order_) VALUES (to_order);
END;

CREATE PROCEDURE drop_line(line uuid)
BEGIN ATOMIC
    DELETE FROM lines WHERE id = line;
END;
