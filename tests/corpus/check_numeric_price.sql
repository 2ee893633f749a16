-- case: numeric values, assigned and raised in percent
-- expect: set_price tariffs_price_check confluent
-- expect: set_price lost_update(tariffs.price) not_confluent with raise_price scope tariff
-- expect: raise_price lost_update(tariffs.price) not_confluent with raise_price,set_price scope tariff
-- route: raise_price ordered
-- route: set_price ordered
-- The CHECK is safe whoever wins. raise_price reads what it writes: beside any other write one of them is lost.

CREATE TABLE tariffs (
    id     bigint PRIMARY KEY,
    price  numeric(10, 2) NOT NULL CHECK (price > 0)
);

INSERT INTO tariffs VALUES (1, 10);

CREATE PROCEDURE set_price(tariff bigint, p numeric)
BEGIN ATOMIC
    UPDATE tariffs SET price = p WHERE id = tariff;
END;

CREATE PROCEDURE raise_price(tariff bigint)
BEGIN ATOMIC
    UPDATE tariffs SET price = price * 1.1 WHERE id = tariff;
END;
