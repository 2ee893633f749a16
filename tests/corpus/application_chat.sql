-- case: a chat: rooms, members, messages; only the name of a room is claimed
-- expect: make_room rooms_name_key not_confluent with make_room scope room_name
-- route: make_room ordered
-- route: join_room free
-- route: leave_room free
-- route: say free
-- route: edit free
-- route: erase free
-- Members are facts (ON CONFLICT), messages have random keys, edits are blind, erased messages take their reactions along.

CREATE TABLE rooms (
    id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name  text NOT NULL UNIQUE
);

CREATE TABLE room_members (
    room    uuid REFERENCES rooms ON DELETE CASCADE,
    person  text,
    PRIMARY KEY (room, person)
);

CREATE TABLE messages (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    room    uuid NOT NULL REFERENCES rooms ON DELETE CASCADE,
    author  text NOT NULL,
    body    text NOT NULL CHECK (body <> '')
);

CREATE TABLE reactions (
    message  uuid REFERENCES messages ON DELETE CASCADE,
    person   text,
    mark     text NOT NULL,
    PRIMARY KEY (message, person)
);

CREATE FUNCTION make_room(room_name text) RETURNS uuid
BEGIN ATOMIC
    INSERT INTO rooms (name) VALUES (room_name) RETURNING id;
END;

CREATE PROCEDURE join_room(which uuid, who text)
BEGIN ATOMIC
    INSERT INTO room_members (room, person) VALUES (which, who) ON CONFLICT DO NOTHING;
END;

CREATE PROCEDURE leave_room(which uuid, who text)
BEGIN ATOMIC
    DELETE FROM room_members WHERE room = which AND person = who;
END;

CREATE PROCEDURE say(which uuid, who text, words text)
BEGIN ATOMIC
    INSERT INTO messages (room, author, body) VALUES (which, who, words);
END;

CREATE PROCEDURE edit(message_id uuid, words text)
BEGIN ATOMIC
    UPDATE messages SET body = words WHERE id = message_id;
END;

CREATE PROCEDURE erase(message_id uuid)
BEGIN ATOMIC
    DELETE FROM messages WHERE id = message_id;
END;

CREATE PROCEDURE react(message_id uuid, who text, sign text)
BEGIN ATOMIC
    INSERT INTO reactions (message, person, mark) VALUES (message_id, who, sign) ON CONFLICT (message, person) DO UPDATE SET mark = sign;
END;
