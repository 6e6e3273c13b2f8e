-- The finding of an earlier notice that this one repeats.
ALTER TABLE findings ADD COLUMN recurrence_of UUID;
CREATE INDEX tickets_recurrence ON tickets (recurrence_of, id) WHERE recurrence_of IS NOT NULL;
CREATE INDEX milestones_reported ON milestones (ticket_id) WHERE reported_at IS NOT NULL AND reached_at IS NULL;
CREATE INDEX tickets_submitted ON tickets (submitted_at, id) WHERE submitted_at IS NOT NULL;
