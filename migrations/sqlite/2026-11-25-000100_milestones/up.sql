CREATE TABLE milestones (
    id BLOB PRIMARY KEY NOT NULL,
    ticket_id BLOB NOT NULL REFERENCES tickets (id),
    position INTEGER NOT NULL,
    reach_on TEXT NOT NULL,
    text TEXT NOT NULL,
    reported_at INTEGER,
    reached_at INTEGER
);
CREATE INDEX milestones_ticket ON milestones (ticket_id, position);
