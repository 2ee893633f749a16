-- case: a guarded state machine whose steps are blind and whose states are all allowed
-- expect: ship parcels_state_check confluent
-- expect: lose parcels_state_check confluent
-- expect: ship lost_update(parcels.state) not_confluent with lose,ship scope parcel
-- expect: lose lost_update(parcels.state) not_confluent with ship scope parcel
-- route: ship ordered
-- route: lose ordered
-- ship moves only what is 'ready' (compare and set); lose is blind, but ship's promise does not survive it.

CREATE TABLE parcels (
    id     bigint PRIMARY KEY,
    state  text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'sent', 'lost'))
);

INSERT INTO parcels (id) VALUES (1), (2);

CREATE PROCEDURE ship(parcel bigint)
BEGIN ATOMIC
    UPDATE parcels SET state = 'sent' WHERE id = parcel AND state = 'ready';
END;

CREATE PROCEDURE lose(parcel bigint)
BEGIN ATOMIC
    UPDATE parcels SET state = 'lost' WHERE id = parcel;
END;
