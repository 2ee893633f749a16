-- case: a number that is one past the greatest is the same number at two replicas
-- expect: next_invoice invoices_pkey not_confluent with next_invoice
-- route: next_invoice ordered
-- Both see no invoice and make number 1. There is no parameter, so the order is global.

CREATE TABLE invoices (
    number  bigint PRIMARY KEY
);

CREATE PROCEDURE next_invoice()
BEGIN ATOMIC
    INSERT INTO invoices (number) SELECT coalesce(max(i.number), 0) + 1 FROM invoices i;
END;
