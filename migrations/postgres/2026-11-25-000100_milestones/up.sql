CREATE TABLE milestones (
    id UUID PRIMARY KEY NOT NULL,
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    position INTEGER NOT NULL,
    reach_on DATE NOT NULL,
    text TEXT NOT NULL,
    reported_at TIMESTAMPTZ,
    reached_at TIMESTAMPTZ
);
CREATE INDEX milestones_ticket ON milestones (ticket_id, position);
