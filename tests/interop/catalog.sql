-- Something of everything that psql's \d family shows. Loads in PostgreSQL, too.
CREATE TYPE mood AS ENUM ('sad','ok','happy');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  handle varchar(20) NOT NULL UNIQUE,
  mail email,
  mood mood DEFAULT 'ok',
  tags text[] DEFAULT '{}',
  balance numeric(12,2) DEFAULT 0 CHECK (balance >= 0),
  created timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT short CHECK (length(handle) < 20)
);
CREATE UNIQUE INDEX users_mail_live ON users (lower(mail)) WHERE mood <> 'sad';
CREATE INDEX users_created ON users (created DESC NULLS LAST, handle);
CREATE TABLE posts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  author bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  reviewer bigint REFERENCES users (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  body text NOT NULL,
  during tstzrange,
  n smallint, r real, d double precision, c char(3), j jsonb, b bytea, iv interval,
  full_text text GENERATED ALWAYS AS (upper(body)) STORED
);
CREATE VIEW recent AS SELECT id, author, body FROM posts WHERE body IS NOT NULL ORDER BY id LIMIT 10;
CREATE PROCEDURE post(a bigint, t text) BEGIN ATOMIC INSERT INTO posts(author, body) VALUES (a, t); END;
CREATE FUNCTION count_posts(a bigint) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM posts WHERE author = a; END;
CREATE TABLE rooms (
  room int,
  during tsrange NOT NULL,
  seat int NULL UNIQUE NULLS NOT DISTINCT,
  PRIMARY KEY (room, during),
  CONSTRAINT apart EXCLUDE USING gist (during WITH &&) WHERE (seat > 3)
);
CREATE TABLE guests (
  room int,
  during tsrange,
  name text CHECK (name <> ''),
  PRIMARY KEY (name),
  CONSTRAINT stay FOREIGN KEY (room, during) REFERENCES rooms ON DELETE SET NULL
);
CREATE INDEX guests_stay ON guests (room, during) WHERE name IS NOT NULL;
CREATE VIEW crowded AS SELECT room, count(*) AS guests FROM guests GROUP BY room HAVING count(*) > 2;
CREATE FUNCTION guests_of(r int, OUT guest text, OUT since tsrange) RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC SELECT name, during FROM guests WHERE room = r; END;
COMMENT ON TABLE users IS 'who posts; it''s about them';
COMMENT ON COLUMN users.mail IS 'for resets';
COMMENT ON COLUMN users.balance IS 'former text';
COMMENT ON COLUMN users.balance IS 'in euros';
COMMENT ON COLUMN users.created IS 'taken back';
COMMENT ON COLUMN users.created IS NULL;
COMMENT ON CONSTRAINT short ON users IS 'fits the badge';
COMMENT ON INDEX users_created IS 'newest first';
COMMENT ON VIEW recent IS 'the front page';
COMMENT ON COLUMN recent.body IS 'never NULL';
COMMENT ON PROCEDURE post(bigint, text) IS 'the only way in';
COMMENT ON TYPE mood IS 'of the day';
COMMENT ON DOMAIN email IS 'an address';
COMMENT ON SCHEMA public IS 'all of it';
