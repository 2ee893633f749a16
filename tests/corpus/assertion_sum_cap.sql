-- case: a budget: the sum of what is spent per project stays under 100
-- expect: spend assertion.budget not_confluent with spend scope project
-- expect: refund assertion.budget confluent
-- route: spend ordered
-- route: refund free
-- A: spend(1, 60). B: spend(1, 60). A refund deletes a positive amount, which only lowers the sum.

CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);

CREATE TABLE costs (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project  bigint NOT NULL,
    amount   positive NOT NULL
);

CREATE SCHEMA assertion
    CREATE VIEW budget AS SELECT project FROM costs GROUP BY project HAVING sum(amount) > 100;

CREATE PROCEDURE spend(project bigint, amount positive)
BEGIN ATOMIC
    INSERT INTO costs (project, amount) VALUES (project, amount);
END;

CREATE PROCEDURE refund(cost uuid)
BEGIN ATOMIC
    DELETE FROM costs WHERE id = cost;
END;
