-- case: a product of two columns that are always written together
-- expect: resize plots_check confluent
-- route: resize free
-- w and h are one group. The product needs no arithmetic: the winner's pair was checked where it was written.

CREATE TABLE plots (
    id  bigint PRIMARY KEY,
    w   bigint NOT NULL,
    h   bigint NOT NULL,
    CHECK (w * h <= 100)
);

INSERT INTO plots VALUES (1, 2, 3);

CREATE PROCEDURE resize(plot bigint, new_w bigint, new_h bigint)
BEGIN ATOMIC
    UPDATE plots SET w = new_w, h = new_h WHERE id = plot;
END;
