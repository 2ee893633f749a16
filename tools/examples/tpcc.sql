-- TPC-C (revision 5.11): nine tables, the five transactions of clause 2, and the consistency conditions of clause 3.3.2.
--
-- What an order entry system may do anywhere, and what not. Payments need nobody: sums merge. Entering an order takes the
-- next number of its district, and delivering takes the district's oldest order: both are kept in order, per district.
--     anabranch check tools/examples/tpcc.sql
--
-- Money is in cents and rates are in hundredths of a percent. Condition 11 is about the size of the initial population
-- and is left out. The population here is one of everything, so that the transactions have something to work on.

CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE);
CREATE DOMAIN cents AS integer CHECK (VALUE > 0);

CREATE TABLE warehouse (
    w_id     integer PRIMARY KEY,
    w_name   varchar(10) NOT NULL,
    w_state  char(2) NOT NULL DEFAULT 'CA',
    w_zip    char(9) NOT NULL DEFAULT '123411111',
    w_tax    integer NOT NULL CHECK (w_tax BETWEEN 0 AND 2000),
    w_ytd    bigint NOT NULL DEFAULT 0
);

CREATE TABLE district (
    d_w_id       integer NOT NULL REFERENCES warehouse,
    d_id         integer NOT NULL,
    d_name       varchar(10) NOT NULL,
    d_tax        integer NOT NULL CHECK (d_tax BETWEEN 0 AND 2000),
    d_ytd        bigint NOT NULL DEFAULT 0,
    d_next_o_id  integer NOT NULL DEFAULT 1,
    PRIMARY KEY (d_w_id, d_id)
);

CREATE TABLE customer (
    c_w_id          integer NOT NULL,
    c_d_id          integer NOT NULL,
    c_id            integer NOT NULL,
    c_first         varchar(16) NOT NULL,
    c_last          varchar(16) NOT NULL,
    c_since         timestamptz NOT NULL DEFAULT now(),
    c_credit        char(2) NOT NULL DEFAULT 'GC' CHECK (c_credit IN ('GC', 'BC')),
    c_credit_lim    bigint NOT NULL DEFAULT 5000000,
    c_discount      integer NOT NULL DEFAULT 0 CHECK (c_discount BETWEEN 0 AND 5000),
    c_balance       bigint NOT NULL DEFAULT 0,
    c_ytd_payment   bigint NOT NULL DEFAULT 0,
    c_payment_cnt   integer NOT NULL DEFAULT 0,
    c_delivery_cnt  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (c_w_id, c_d_id, c_id),
    FOREIGN KEY (c_w_id, c_d_id) REFERENCES district
);
CREATE INDEX customer_by_name ON customer (c_w_id, c_d_id, c_last, c_first);

CREATE TABLE history (
    h_c_id    integer NOT NULL,
    h_c_d_id  integer NOT NULL,
    h_c_w_id  integer NOT NULL,
    h_d_id    integer NOT NULL,
    h_w_id    integer NOT NULL,
    h_date    timestamptz NOT NULL,
    h_amount  integer NOT NULL,
    FOREIGN KEY (h_c_w_id, h_c_d_id, h_c_id) REFERENCES customer,
    FOREIGN KEY (h_w_id, h_d_id) REFERENCES district
);

CREATE TABLE item (
    i_id     integer PRIMARY KEY,
    i_im_id  integer NOT NULL,
    i_name   varchar(24) NOT NULL,
    i_price  integer NOT NULL CHECK (i_price > 0)
);

CREATE TABLE stock (
    s_w_id        integer NOT NULL REFERENCES warehouse,
    s_i_id        integer NOT NULL REFERENCES item,
    s_quantity    integer NOT NULL,
    s_dist        char(24) NOT NULL DEFAULT '',
    s_ytd         bigint NOT NULL DEFAULT 0,
    s_order_cnt   integer NOT NULL DEFAULT 0,
    s_remote_cnt  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (s_w_id, s_i_id)
);

CREATE TABLE orders (
    o_w_id        integer NOT NULL,
    o_d_id        integer NOT NULL,
    o_id          integer NOT NULL,
    o_c_id        integer NOT NULL,
    o_entry_d     timestamptz NOT NULL,
    o_carrier_id  integer CHECK (o_carrier_id BETWEEN 1 AND 10),
    o_ol_cnt      integer NOT NULL CHECK (o_ol_cnt > 0),
    PRIMARY KEY (o_w_id, o_d_id, o_id),
    FOREIGN KEY (o_w_id, o_d_id, o_c_id) REFERENCES customer
);
CREATE INDEX orders_by_customer ON orders (o_w_id, o_d_id, o_c_id, o_id);

CREATE TABLE new_orders (
    no_w_id  integer NOT NULL,
    no_d_id  integer NOT NULL,
    no_o_id  integer NOT NULL,
    PRIMARY KEY (no_w_id, no_d_id, no_o_id),
    FOREIGN KEY (no_w_id, no_d_id, no_o_id) REFERENCES orders
);

CREATE TABLE order_line (
    ol_w_id         integer NOT NULL,
    ol_d_id         integer NOT NULL,
    ol_o_id         integer NOT NULL,
    ol_number       bigint NOT NULL,
    ol_i_id         integer NOT NULL,
    ol_supply_w_id  integer NOT NULL,
    ol_delivery_d   timestamptz,
    ol_quantity     integer NOT NULL CHECK (ol_quantity > 0),
    ol_amount       integer NOT NULL,
    PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number),
    FOREIGN KEY (ol_w_id, ol_d_id, ol_o_id) REFERENCES orders,
    FOREIGN KEY (ol_supply_w_id, ol_i_id) REFERENCES stock
);

-- Clause 3.3.2: the conditions by their numbers there.
CREATE SCHEMA assertion
    CREATE VIEW c01_a_warehouse_takes_what_its_districts_take AS
        SELECT w_id FROM warehouse
        WHERE w_ytd <> (SELECT coalesce(sum(d_ytd), 0) FROM district WHERE d_w_id = w_id)
    CREATE VIEW c02_the_next_order_follows_the_last AS
        SELECT d_w_id, d_id FROM district
        WHERE d_next_o_id - 1 <> (SELECT coalesce(max(o_id), 0) FROM orders WHERE o_w_id = d_w_id AND o_d_id = d_id)
           OR d_next_o_id - 1 <> (SELECT max(no_o_id) FROM new_orders WHERE no_w_id = d_w_id AND no_d_id = d_id)
    CREATE VIEW c03_new_orders_have_no_gaps AS
        SELECT no_w_id, no_d_id FROM new_orders
        GROUP BY no_w_id, no_d_id
        HAVING max(no_o_id) - min(no_o_id) + 1 <> count(*)
    CREATE VIEW c04_a_district_has_the_lines_of_its_orders AS
        SELECT d_w_id, d_id FROM district
        WHERE (SELECT coalesce(sum(o_ol_cnt), 0) FROM orders WHERE o_w_id = d_w_id AND o_d_id = d_id)
           <> (SELECT count(*) FROM order_line WHERE ol_w_id = d_w_id AND ol_d_id = d_id)
    CREATE VIEW c05_an_order_without_carrier_is_new AS
        SELECT o_w_id, o_d_id, o_id FROM orders
        WHERE (o_carrier_id IS NULL)
           <> EXISTS (SELECT FROM new_orders WHERE no_w_id = o_w_id AND no_d_id = o_d_id AND no_o_id = o_id)
    CREATE VIEW c06_an_order_has_the_lines_it_counts AS
        SELECT o_w_id, o_d_id, o_id FROM orders
        WHERE o_ol_cnt <> (SELECT count(*) FROM order_line WHERE ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id)
    CREATE VIEW c07_lines_are_delivered_with_their_order AS
        SELECT ol_w_id, ol_d_id, ol_o_id, ol_number
        FROM order_line JOIN orders ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND o_id = ol_o_id
        WHERE (ol_delivery_d IS NULL) <> (o_carrier_id IS NULL)
    CREATE VIEW c08_a_warehouse_takes_what_is_paid AS
        SELECT w_id FROM warehouse
        WHERE w_ytd <> (SELECT coalesce(sum(h_amount), 0) FROM history WHERE h_w_id = w_id)
    CREATE VIEW c09_a_district_takes_what_is_paid AS
        SELECT d_w_id, d_id FROM district
        WHERE d_ytd <> (SELECT coalesce(sum(h_amount), 0) FROM history WHERE h_w_id = d_w_id AND h_d_id = d_id)
    CREATE VIEW c10_a_balance_is_what_was_delivered_and_not_paid AS
        SELECT c_w_id, c_d_id, c_id FROM customer
        WHERE c_balance
           <> (SELECT coalesce(sum(ol_amount), 0)
               FROM order_line JOIN orders ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND o_id = ol_o_id
               WHERE o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id AND ol_delivery_d IS NOT NULL)
            - (SELECT coalesce(sum(h_amount), 0) FROM history
               WHERE h_c_w_id = c_w_id AND h_c_d_id = c_d_id AND h_c_id = c_id)
    CREATE VIEW c12_a_balance_and_payments_are_what_was_delivered AS
        SELECT c_w_id, c_d_id, c_id FROM customer
        WHERE c_balance + c_ytd_payment
           <> (SELECT coalesce(sum(ol_amount), 0)
               FROM order_line JOIN orders ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND o_id = ol_o_id
               WHERE o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id AND ol_delivery_d IS NOT NULL);

-- 2.4. Items, their supplying warehouses and quantities are three arrays of one length. An item that is not there ends
-- the transaction, as the specification wants of one in a hundred.
CREATE PROCEDURE new_order(w integer, d integer, c integer, items integer[], suppliers integer[], quantities integer[])
BEGIN ATOMIC
    SELECT (count(*) = cardinality(items))::holds
    FROM unnest(items, suppliers) AS l(i, s) JOIN stock ON s_w_id = l.s AND s_i_id = l.i;
    INSERT INTO orders (o_w_id, o_d_id, o_id, o_c_id, o_entry_d, o_carrier_id, o_ol_cnt)
        SELECT w, d, d_next_o_id, c, now(), NULL, cardinality(items) FROM district WHERE d_w_id = w AND d_id = d;
    INSERT INTO new_orders (no_w_id, no_d_id, no_o_id)
        SELECT w, d, d_next_o_id FROM district WHERE d_w_id = w AND d_id = d;
    INSERT INTO order_line (ol_w_id, ol_d_id, ol_o_id, ol_number, ol_i_id, ol_supply_w_id, ol_delivery_d, ol_quantity, ol_amount)
        SELECT w, d, d_next_o_id, l.n, l.i, l.s, NULL, l.q, l.q * i_price
        FROM district, unnest(items, suppliers, quantities) WITH ORDINALITY AS l(i, s, q, n) JOIN item ON i_id = l.i
        WHERE d_w_id = w AND d_id = d;
    UPDATE stock
        SET s_quantity = s_quantity - l.q + CASE WHEN s_quantity < l.q + 10 THEN 91 ELSE 0 END,
            s_ytd = s_ytd + l.q,
            s_order_cnt = s_order_cnt + 1,
            s_remote_cnt = s_remote_cnt + CASE WHEN l.s <> w THEN 1 ELSE 0 END
        FROM (SELECT u.i, u.s, sum(u.q)::integer AS q FROM unnest(items, suppliers, quantities) AS u(i, s, q) GROUP BY u.i, u.s) l
        WHERE s_w_id = l.s AND s_i_id = l.i;
    UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = w AND d_id = d;
END;

-- 2.5. The customer's own warehouse and district may be others than those that are paid at.
CREATE PROCEDURE payment(w integer, d integer, c_w integer, c_d integer, c integer, amount cents)
BEGIN ATOMIC
    UPDATE warehouse SET w_ytd = w_ytd + amount WHERE w_id = w;
    UPDATE district SET d_ytd = d_ytd + amount WHERE d_w_id = w AND d_id = d;
    UPDATE customer
        SET c_balance = c_balance - amount, c_ytd_payment = c_ytd_payment + amount, c_payment_cnt = c_payment_cnt + 1
        WHERE c_w_id = c_w AND c_d_id = c_d AND c_id = c;
    INSERT INTO history (h_c_id, h_c_d_id, h_c_w_id, h_d_id, h_w_id, h_date, h_amount)
        VALUES (c, c_d, c_w, d, w, now(), amount);
END;

-- 2.6
CREATE FUNCTION order_status(w integer, d integer, c integer)
    RETURNS TABLE (balance bigint, entered timestamptz, carrier integer, item integer, quantity integer, amount integer, delivered timestamptz)
    STABLE
BEGIN ATOMIC
    SELECT c_balance, o_entry_d, o_carrier_id, ol_i_id, ol_quantity, ol_amount, ol_delivery_d
    FROM customer
    JOIN orders ON o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id
    JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
    WHERE c_w_id = w AND c_d_id = d AND c_id = c
      AND o_id = (SELECT max(o_id) FROM orders WHERE o_w_id = w AND o_d_id = d AND o_c_id = c);
END;

-- 2.7, one district a time (2.7.2 allows up to ten database transactions).
CREATE PROCEDURE delivery(w integer, d integer, carrier integer)
BEGIN ATOMIC
    UPDATE orders SET o_carrier_id = carrier
        WHERE o_w_id = w AND o_d_id = d
          AND o_id = (SELECT min(no_o_id) FROM new_orders WHERE no_w_id = w AND no_d_id = d);
    UPDATE order_line SET ol_delivery_d = now()
        WHERE ol_w_id = w AND ol_d_id = d
          AND ol_o_id = (SELECT min(no_o_id) FROM new_orders WHERE no_w_id = w AND no_d_id = d);
    UPDATE customer
        SET c_delivery_cnt = c_delivery_cnt + 1,
            c_balance = c_balance + (SELECT coalesce(sum(ol_amount), 0) FROM order_line
                                     WHERE ol_w_id = w AND ol_d_id = d
                                       AND ol_o_id = (SELECT min(no_o_id) FROM new_orders WHERE no_w_id = w AND no_d_id = d))
        WHERE c_w_id = w AND c_d_id = d
          AND c_id = (SELECT o_c_id FROM orders
                      WHERE o_w_id = w AND o_d_id = d
                        AND o_id = (SELECT min(no_o_id) FROM new_orders WHERE no_w_id = w AND no_d_id = d));
    DELETE FROM new_orders
        WHERE no_w_id = w AND no_d_id = d
          AND no_o_id = (SELECT min(no_o_id) FROM new_orders WHERE no_w_id = w AND no_d_id = d);
END;

-- 2.8
CREATE FUNCTION stock_level(w integer, d integer, threshold integer) RETURNS bigint STABLE
RETURN (
    SELECT count(DISTINCT s_i_id)
    FROM district
    JOIN order_line ON ol_w_id = d_w_id AND ol_d_id = d_id AND ol_o_id BETWEEN d_next_o_id - 20 AND d_next_o_id - 1
    JOIN stock ON s_w_id = d_w_id AND s_i_id = ol_i_id
    WHERE d_w_id = w AND d_id = d AND s_quantity < threshold
);

INSERT INTO warehouse (w_id, w_name, w_tax) VALUES (1, 'one', 1000);
INSERT INTO district (d_w_id, d_id, d_name, d_tax) VALUES (1, 1, 'first', 1000), (1, 2, 'second', 500);
INSERT INTO customer (c_w_id, c_d_id, c_id, c_first, c_last) VALUES (1, 1, 1, 'Ann', 'BARBARBAR'), (1, 2, 1, 'Bob', 'OUGHTABLE');
INSERT INTO item (i_id, i_im_id, i_name, i_price) VALUES (1, 1, 'rope', 100), (2, 2, 'lamp', 250);
INSERT INTO stock (s_w_id, s_i_id, s_quantity) VALUES (1, 1, 50), (1, 2, 50);
