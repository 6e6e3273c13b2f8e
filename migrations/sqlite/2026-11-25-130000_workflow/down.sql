DROP INDEX tickets_submitted;
DROP INDEX milestones_reported;
DROP INDEX tickets_recurrence;
ALTER TABLE findings DROP COLUMN recurrence_of;
