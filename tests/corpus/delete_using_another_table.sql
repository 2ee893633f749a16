-- case: deleting by a join: children of marked parents go, and the reference stays sound
-- expect: purge pages_book_fkey confluent
-- expect: mark pages_book_fkey confluent
-- expect: write pages_book_fkey confluent
-- route: purge free
-- route: write free
-- Only children are deleted; books stay for ever.

CREATE TABLE books (
    id      bigint PRIMARY KEY,
    pulped  boolean NOT NULL DEFAULT false
);

CREATE TABLE pages (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    book  bigint NOT NULL REFERENCES books
);

INSERT INTO books (id) VALUES (1), (2);

CREATE PROCEDURE write(book bigint)
BEGIN ATOMIC
    INSERT INTO pages (book) VALUES (book);
END;

CREATE PROCEDURE mark(which bigint)
BEGIN ATOMIC
    UPDATE books SET pulped = true WHERE id = which;
END;

CREATE PROCEDURE purge()
BEGIN ATOMIC
    DELETE FROM pages p USING books b WHERE b.id = p.book AND b.pulped;
END;
