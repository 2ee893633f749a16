-- Who wrote a row, and for which tenant: what statements ask their session for.
CREATE TABLE log (
    id bigint PRIMARY KEY,
    who text NOT NULL DEFAULT current_user,
    tenant text DEFAULT current_setting('app.tenant', true),
    body text NOT NULL
);

CREATE PROCEDURE note(p_id bigint, p_body text)
BEGIN ATOMIC
    INSERT INTO log (id, who, tenant, body) VALUES (p_id, current_user, current_setting('app.tenant'), p_body);
END;
