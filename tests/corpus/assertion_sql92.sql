-- case: CREATE ASSERTION as SQL-92 has it
-- expect: lend assertion.no_book_lent_twice not_confluent with lend scope book
-- expect: bring_back assertion.no_book_lent_twice confluent
-- route: lend ordered
-- route: bring_back free
-- A: lend(1, ..). B: lend(1, ..). Bringing back only takes rows away.

CREATE TABLE loans (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    book  bigint NOT NULL
);

CREATE ASSERTION no_book_lent_twice CHECK (
    NOT EXISTS (SELECT a.id FROM loans a JOIN loans b ON a.book = b.book AND a.id < b.id));

CREATE PROCEDURE lend(book bigint)
BEGIN ATOMIC
    INSERT INTO loans (book) VALUES (book);
END;

CREATE PROCEDURE bring_back(loan uuid)
BEGIN ATOMIC
    DELETE FROM loans WHERE id = loan;
END;
