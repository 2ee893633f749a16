-- case: one fresh part makes a composite key unique
-- expect: put readings_pkey confluent
-- route: put free
-- reading is a value that no other call ever passes, so (sensor, reading) cannot be claimed twice, whatever sensor is.

CREATE SCHEMA merge;
CREATE DOMAIN merge.fresh AS uuid;

CREATE TABLE readings (
    sensor   bigint,
    reading  uuid,
    value    bigint NOT NULL,
    PRIMARY KEY (sensor, reading)
);

CREATE PROCEDURE put(sensor bigint, reading merge.fresh, value bigint)
BEGIN ATOMIC
    INSERT INTO readings (sensor, reading, value) VALUES (sensor, reading, value);
END;
