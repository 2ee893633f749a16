-- case: a state that is changed only from a certain state loses an update when two change it
-- expect: close lost_update(tickets.state) not_confluent with close,assign scope ticket
-- expect: assign lost_update(tickets.state) not_confluent with close,assign scope ticket
-- route: close ordered
-- route: assign ordered
-- route: rename free

CREATE TABLE tickets (
    id     bigint PRIMARY KEY,
    title  text   NOT NULL,
    state  text   NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'assigned', 'closed'))
);
INSERT INTO tickets (id, title) VALUES (1, 'one'), (2, 'two');
CREATE PROCEDURE assign(ticket bigint)
BEGIN ATOMIC
    UPDATE tickets SET state = 'assigned' WHERE id = ticket AND state = 'new';
END;
CREATE PROCEDURE close(ticket bigint)
BEGIN ATOMIC
    UPDATE tickets SET state = 'closed' WHERE id = ticket AND state <> 'closed';
END;
CREATE PROCEDURE rename(ticket bigint, new_title text)
BEGIN ATOMIC
    UPDATE tickets SET title = new_title WHERE id = ticket;
END;
