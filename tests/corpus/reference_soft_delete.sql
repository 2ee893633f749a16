-- case: a soft delete is an UPDATE: the reference is safe, the rule about closed parents is not
-- expect: order_ orders_customer_fkey confluent
-- expect: close orders_customer_fkey confluent
-- expect: order_ assertion.no_order_of_closed not_confluent with close scope customer
-- expect: close assertion.no_order_of_closed not_confluent with order_ scope which
-- route: order_ ordered
-- route: close ordered
-- A: order_(1). B: close(1), with no order. Merged: an open order of a closed customer.

CREATE TABLE customers (
    id      bigint PRIMARY KEY,
    closed  boolean NOT NULL DEFAULT false
);

CREATE TABLE orders (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer  bigint NOT NULL REFERENCES customers
);

INSERT INTO customers (id) VALUES (1), (2);

CREATE SCHEMA assertion
    CREATE VIEW no_order_of_closed AS
        SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer WHERE c.closed;

CREATE PROCEDURE order_(customer bigint)
BEGIN ATOMIC
    INSERT INTO orders (customer) VALUES (customer);
END;

CREATE PROCEDURE close(which bigint)
BEGIN ATOMIC
    UPDATE customers SET closed = true WHERE id = which;
END;
