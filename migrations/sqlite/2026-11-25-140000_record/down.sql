DROP TRIGGER checkpoint_heads_kept_there;

DROP TRIGGER checkpoint_heads_kept_unchanged;

DROP TRIGGER checkpoint_heads_kept_once;

DROP TRIGGER checkpoints_kept_there;

DROP TRIGGER checkpoints_kept_unchanged;

DROP TRIGGER checkpoints_kept_once;

DROP TRIGGER events_kept_there;

DROP TRIGGER events_kept_unchanged;

DROP TRIGGER events_kept_once;

DROP TABLE checkpoint_heads;
DROP TABLE checkpoints;
DROP INDEX events_actor;
ALTER TABLE events DROP COLUMN name_digest;
ALTER TABLE events DROP COLUMN name_salt;
