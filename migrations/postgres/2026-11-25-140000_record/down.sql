DROP TRIGGER checkpoint_heads_kept_whole ON checkpoint_heads;

DROP TRIGGER checkpoint_heads_kept ON checkpoint_heads;

DROP TRIGGER checkpoints_kept_whole ON checkpoints;

DROP TRIGGER checkpoints_kept ON checkpoints;

DROP TRIGGER events_kept_whole ON events;

DROP TRIGGER events_kept ON events;

DROP FUNCTION record_is_kept();

DROP TABLE checkpoint_heads;
DROP TABLE checkpoints;
DROP INDEX events_actor;
ALTER TABLE events DROP COLUMN name_digest;
ALTER TABLE events DROP COLUMN name_salt;
