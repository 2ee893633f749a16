-- case: a domain's NOT NULL and CHECK bind every value that is written
-- expect: set_grade exams_pkey confluent
-- route: set_grade free
-- The domain is checked where the value is made, and values do not change on the way.

CREATE DOMAIN grade AS bigint NOT NULL CHECK (VALUE BETWEEN 1 AND 6);

CREATE TABLE exams (
    id  bigint PRIMARY KEY,
    g   grade
);

INSERT INTO exams VALUES (1, 3);

CREATE PROCEDURE set_grade(exam bigint, n bigint)
BEGIN ATOMIC
    UPDATE exams SET g = n WHERE id = exam;
END;
