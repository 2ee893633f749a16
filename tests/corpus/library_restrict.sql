-- case: a book that is lent may not be discarded, and lending does not know who discards
-- expect: lend loans_book_fkey not_confluent with discard scope book
-- expect: discard loans_book_fkey not_confluent with lend scope book
-- expect: give_back loans_book_fkey confluent
-- repair: discard loans_book_fkey cascade
-- route: lend ordered
-- route: discard ordered
-- route: give_back free

CREATE TABLE books (
    id  bigint PRIMARY KEY
);
CREATE TABLE loans (
    id    uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    book  bigint NOT NULL REFERENCES books,
    who   text   NOT NULL
);
INSERT INTO books VALUES (1), (2);
CREATE PROCEDURE lend(book bigint, who text)
BEGIN ATOMIC
    INSERT INTO loans (book, who) VALUES (book, who);
END;
CREATE PROCEDURE give_back(loan uuid)
BEGIN ATOMIC
    DELETE FROM loans WHERE id = loan;
END;
CREATE PROCEDURE discard(book bigint)
BEGIN ATOMIC
    DELETE FROM books WHERE id = book;
END;
