-- since when the rule counts, and the number with which its present row of steps began; NULL and 0: from the beginning
ALTER TABLE reminder_rules ADD COLUMN since TIMESTAMPTZ;
ALTER TABLE reminder_rules ADD COLUMN series INTEGER NOT NULL DEFAULT 0;

-- How a version of a due date was counted in working days; one ahead of the ticket's while it is only asked for.
CREATE TABLE due_periods (
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    due_version INTEGER NOT NULL,
    due_on DATE NOT NULL,
    counted_from DATE NOT NULL,
    working_days INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, due_version)
);
