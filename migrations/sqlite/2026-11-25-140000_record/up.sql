-- The name that the actor had then, sealed like the payload: a salted digest that the hash covers. NULL in events of
-- before, and the salt also once a departed person's name was removed.
ALTER TABLE events ADD COLUMN name_salt BLOB;
ALTER TABLE events ADD COLUMN name_digest BLOB;
CREATE INDEX events_actor ON events (actor, id);

-- A day's end of the record: its hash covers the heads below and the checkpoint before.
CREATE TABLE checkpoints (
    number INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    heads INTEGER NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL
);

-- Where each stream stood that had grown since the checkpoint before.
CREATE TABLE checkpoint_heads (
    checkpoint INTEGER NOT NULL REFERENCES checkpoints (number),
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (checkpoint, stream)
) WITHOUT ROWID;
CREATE UNIQUE INDEX checkpoint_heads_stream ON checkpoint_heads (stream, seq);

-- What is on record stays. Only a departed person's data may go: a payload, an actor's name, each with its salt.
CREATE TRIGGER events_kept_once BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: an event is never replaced');
END;

CREATE TRIGGER events_kept_unchanged BEFORE UPDATE ON events
WHEN NOT (
    NEW.stream IS OLD.stream AND NEW.seq IS OLD.seq AND NEW.id IS OLD.id AND NEW.at IS OLD.at
    AND NEW.actor IS OLD.actor AND NEW.act IS OLD.act AND NEW.payload_digest IS OLD.payload_digest
    AND NEW.name_digest IS OLD.name_digest AND NEW.prev_hash IS OLD.prev_hash AND NEW.hash IS OLD.hash
    AND ((NEW.payload IS OLD.payload AND NEW.salt IS OLD.salt)
        OR (NEW.payload IS NULL AND (NEW.salt IS OLD.salt OR NEW.salt = X'')))
    AND ((NEW.actor_name IS OLD.actor_name AND NEW.name_salt IS OLD.name_salt)
        OR (NEW.actor_name = '' AND (NEW.name_salt IS OLD.name_salt OR NEW.name_salt IS NULL)))
)
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: an event is never changed');
END;

CREATE TRIGGER events_kept_there BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: an event is never deleted');
END;

CREATE TRIGGER checkpoints_kept_once BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a checkpoint is never replaced');
END;

CREATE TRIGGER checkpoints_kept_unchanged BEFORE UPDATE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a checkpoint is never changed');
END;

CREATE TRIGGER checkpoints_kept_there BEFORE DELETE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a checkpoint is never deleted');
END;

CREATE TRIGGER checkpoint_heads_kept_once BEFORE INSERT ON checkpoint_heads
WHEN EXISTS (SELECT 1 FROM checkpoint_heads WHERE checkpoint = NEW.checkpoint AND stream = NEW.stream)
    OR EXISTS (SELECT 1 FROM checkpoint_heads WHERE stream = NEW.stream AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a head is never replaced');
END;

CREATE TRIGGER checkpoint_heads_kept_unchanged BEFORE UPDATE ON checkpoint_heads
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a head is never changed');
END;

CREATE TRIGGER checkpoint_heads_kept_there BEFORE DELETE ON checkpoint_heads
BEGIN
    SELECT RAISE(ABORT, 'the record is kept: a head is never deleted');
END;
