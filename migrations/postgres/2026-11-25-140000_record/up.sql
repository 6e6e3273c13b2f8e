-- The name that the actor had then, sealed like the payload: a salted digest that the hash covers. NULL in events of
-- before, and the salt also once a departed person's name was removed.
ALTER TABLE events ADD COLUMN name_salt BYTEA;
ALTER TABLE events ADD COLUMN name_digest BYTEA;
CREATE INDEX events_actor ON events (actor, id);

-- A day's end of the record: its hash covers the heads below and the checkpoint before.
CREATE TABLE checkpoints (
    number BIGINT PRIMARY KEY NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    heads BIGINT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL
);

-- Where each stream stood that had grown since the checkpoint before.
CREATE TABLE checkpoint_heads (
    checkpoint BIGINT NOT NULL REFERENCES checkpoints (number),
    stream TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (checkpoint, stream)
);
CREATE UNIQUE INDEX checkpoint_heads_stream ON checkpoint_heads (stream, seq);

-- What is on record stays. Only a departed person's data may go: a payload, an actor's name, each with its salt.
CREATE FUNCTION record_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'events' THEN
        IF NEW.stream = OLD.stream AND NEW.seq = OLD.seq AND NEW.id = OLD.id AND NEW.at = OLD.at
            AND NEW.actor = OLD.actor AND NEW.act = OLD.act AND NEW.payload_digest = OLD.payload_digest
            AND NEW.name_digest IS NOT DISTINCT FROM OLD.name_digest
            AND NEW.prev_hash = OLD.prev_hash AND NEW.hash = OLD.hash
            AND ((NEW.payload IS NOT DISTINCT FROM OLD.payload AND NEW.salt = OLD.salt)
                OR (NEW.payload IS NULL AND (NEW.salt = OLD.salt OR NEW.salt = '')))
            AND ((NEW.actor_name = OLD.actor_name AND NEW.name_salt IS NOT DISTINCT FROM OLD.name_salt)
                OR (NEW.actor_name = '' AND (NEW.name_salt IS NOT DISTINCT FROM OLD.name_salt OR NEW.name_salt IS NULL)))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the record is kept: % of % is refused', TG_OP, TG_TABLE_NAME;
END
$$;

CREATE TRIGGER events_kept BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION record_is_kept();

CREATE TRIGGER events_kept_whole BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();

CREATE TRIGGER checkpoints_kept BEFORE UPDATE OR DELETE ON checkpoints
FOR EACH ROW EXECUTE FUNCTION record_is_kept();

CREATE TRIGGER checkpoints_kept_whole BEFORE TRUNCATE ON checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();

CREATE TRIGGER checkpoint_heads_kept BEFORE UPDATE OR DELETE ON checkpoint_heads
FOR EACH ROW EXECUTE FUNCTION record_is_kept();

CREATE TRIGGER checkpoint_heads_kept_whole BEFORE TRUNCATE ON checkpoint_heads
FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
