DROP TABLE due_periods;
ALTER TABLE reminder_rules DROP COLUMN series;
ALTER TABLE reminder_rules DROP COLUMN since;
