CREATE TABLE units (
    id BLOB PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_id BLOB REFERENCES units (id),
    mailbox TEXT,
    backup_mailbox TEXT,
    active BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX units_parent ON units (parent_id);

CREATE TABLE unit_members (
    group_id BLOB NOT NULL REFERENCES units (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (group_id, unit_id)
) WITHOUT ROWID;
CREATE INDEX unit_members_unit ON unit_members (unit_id);

CREATE TABLE users (
    id BLOB PRIMARY KEY NOT NULL,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT,
    unit_id BLOB REFERENCES units (id),
    roles TEXT NOT NULL,
    locale TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    service BOOLEAN NOT NULL,
    password_hash TEXT,
    deputy_id BLOB REFERENCES users (id),
    deputy_from TEXT,
    deputy_to TEXT,
    failed_sign_ins INTEGER NOT NULL,
    locked_until INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX users_unit ON users (unit_id);

CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES users (id),
    csrf_token TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tokens (
    id BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    scopes TEXT,
    created_at INTEGER NOT NULL,
    expires_on TEXT,
    last_used_at INTEGER,
    revoked_at INTEGER
);
CREATE INDEX tokens_user ON tokens (user_id, id);

CREATE TABLE notices (
    id BLOB PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    document_no TEXT,
    issued_on TEXT,
    basis TEXT,
    sampling_from TEXT,
    sampling_to TEXT,
    deadline_on TEXT,
    deadline_cutoff TEXT,
    deadline_inclusive BOOLEAN NOT NULL,
    deadline_raw TEXT,
    feedback_to BLOB REFERENCES units (id),
    look_back TEXT NOT NULL,
    state TEXT NOT NULL,
    issued_at INTEGER,
    closed_at INTEGER,
    due_on TEXT,
    due_at INTEGER,
    next_reminder_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX notices_next_reminder ON notices (next_reminder_at) WHERE next_reminder_at IS NOT NULL;

CREATE TABLE coverage (
    notice_id BLOB NOT NULL REFERENCES notices (id),
    kind TEXT NOT NULL,
    unit_id BLOB NOT NULL REFERENCES units (id),
    position INTEGER NOT NULL,
    in_operation INTEGER NOT NULL,
    checked INTEGER,
    prominent INTEGER NOT NULL,
    printed_share TEXT,
    PRIMARY KEY (notice_id, kind, unit_id)
) WITHOUT ROWID;

CREATE TABLE requirements (
    id BLOB PRIMARY KEY NOT NULL,
    notice_id BLOB NOT NULL REFERENCES notices (id),
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (notice_id, code)
);

CREATE TABLE requirement_units (
    requirement_id BLOB NOT NULL REFERENCES requirements (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    PRIMARY KEY (requirement_id, unit_id)
) WITHOUT ROWID;
CREATE INDEX requirement_units_unit ON requirement_units (unit_id);

CREATE TABLE findings (
    id BLOB PRIMARY KEY NOT NULL,
    notice_id BLOB NOT NULL REFERENCES notices (id),
    code TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    indicator TEXT,
    severity TEXT NOT NULL,
    category TEXT,
    open_ended BOOLEAN NOT NULL,
    due_on TEXT,
    rectified_before_notice BOOLEAN NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (notice_id, code)
);

CREATE TABLE finding_units (
    finding_id BLOB NOT NULL REFERENCES findings (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    part TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (finding_id, unit_id, part)
) WITHOUT ROWID;
CREATE INDEX finding_units_unit ON finding_units (unit_id);

CREATE TABLE assets (
    id BLOB PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT,
    platform TEXT,
    unit_id BLOB NOT NULL REFERENCES units (id),
    supervising_unit_id BLOB REFERENCES units (id),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX assets_unit ON assets (unit_id);

CREATE TABLE finding_assets (
    finding_id BLOB NOT NULL REFERENCES findings (id),
    asset_id BLOB NOT NULL REFERENCES assets (id),
    PRIMARY KEY (finding_id, asset_id)
) WITHOUT ROWID;
CREATE INDEX finding_assets_asset ON finding_assets (asset_id);

CREATE TABLE tickets (
    id BLOB PRIMARY KEY NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    notice_id BLOB NOT NULL REFERENCES notices (id),
    finding_id BLOB NOT NULL REFERENCES findings (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    pending TEXT,
    look_back TEXT NOT NULL,
    handler TEXT,
    due_on TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    -- `due_at` while it is the unit's move, else NULL: overdue is a range of this index
    unit_due_at INTEGER,
    original_due_on TEXT NOT NULL,
    due_version INTEGER NOT NULL,
    due_since INTEGER NOT NULL,
    provisional BOOLEAN NOT NULL,
    extensions INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    failed_again INTEGER NOT NULL,
    assignment INTEGER NOT NULL,
    urged INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    assigned_at INTEGER NOT NULL,
    acknowledged_at INTEGER,
    completed_on TEXT,
    result TEXT,
    submitted_at INTEGER,
    submitted_by BLOB REFERENCES users (id),
    on_time BOOLEAN,
    returned_at INTEGER,
    accepted_at INTEGER,
    accepted_by BLOB REFERENCES users (id),
    look_back_on TEXT,
    verified_at INTEGER,
    closed_at INTEGER,
    last_progress_at INTEGER,
    recurrence_of BLOB REFERENCES tickets (id),
    last_reminder_id BLOB,
    next_reminder_at INTEGER,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX tickets_due ON tickets (due_on, id);
CREATE INDEX tickets_updated ON tickets (updated_at, id);
CREATE INDEX tickets_unit_due ON tickets (unit_id, due_on, id);
CREATE INDEX tickets_notice_due ON tickets (notice_id, due_on, id);
CREATE INDEX tickets_finding ON tickets (finding_id);
CREATE INDEX tickets_state_due ON tickets (state, due_on, id);
CREATE INDEX tickets_unit_move ON tickets (due_on, id, unit_due_at, unit_id) WHERE unit_due_at IS NOT NULL;
CREATE INDEX tickets_pending ON tickets (pending, due_on, id) WHERE pending IS NOT NULL;
CREATE INDEX tickets_next_reminder ON tickets (next_reminder_at, id) WHERE next_reminder_at IS NOT NULL;

CREATE TABLE ticket_parties (
    unit_id BLOB NOT NULL REFERENCES units (id),
    ticket_id BLOB NOT NULL REFERENCES tickets (id),
    part TEXT NOT NULL,
    PRIMARY KEY (unit_id, ticket_id)
) WITHOUT ROWID;
CREATE INDEX ticket_parties_ticket ON ticket_parties (ticket_id, part);

CREATE TABLE feedback (
    id BLOB PRIMARY KEY NOT NULL,
    notice_id BLOB NOT NULL REFERENCES notices (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    letter_no TEXT,
    signatory TEXT NOT NULL,
    author_id BLOB REFERENCES users (id),
    registered BOOLEAN NOT NULL,
    received_on TEXT,
    submitted_at INTEGER NOT NULL,
    version INTEGER NOT NULL
);
CREATE INDEX feedback_notice ON feedback (notice_id, unit_id, id);
CREATE INDEX feedback_unit ON feedback (unit_id, id);

CREATE TABLE feedback_items (
    id BLOB PRIMARY KEY NOT NULL,
    feedback_id BLOB NOT NULL REFERENCES feedback (id),
    ticket_id BLOB NOT NULL REFERENCES tickets (id),
    cycle INTEGER NOT NULL,
    cause TEXT NOT NULL,
    measures TEXT NOT NULL,
    result TEXT NOT NULL,
    completed_on TEXT,
    decision TEXT,
    reason TEXT,
    decided_at INTEGER,
    decided_by BLOB REFERENCES users (id),
    UNIQUE (ticket_id, cycle)
);
CREATE INDEX feedback_items_feedback ON feedback_items (feedback_id, id);

CREATE TABLE requirement_answers (
    requirement_id BLOB NOT NULL REFERENCES requirements (id),
    unit_id BLOB NOT NULL REFERENCES units (id),
    feedback_id BLOB NOT NULL REFERENCES feedback (id),
    text TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (requirement_id, unit_id, feedback_id)
) WITHOUT ROWID;
CREATE INDEX requirement_answers_feedback ON requirement_answers (feedback_id);

CREATE TABLE attachments (
    id BLOB PRIMARY KEY NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    uploaded_by BLOB REFERENCES users (id),
    unit_id BLOB REFERENCES units (id),
    created_at INTEGER NOT NULL
);
CREATE INDEX attachments_sha256 ON attachments (sha256);

-- What an upload belongs to: a ticket's timeline or a letter. Whoever sees that may download it.
CREATE TABLE attachment_links (
    attachment_id BLOB NOT NULL REFERENCES attachments (id),
    subject_kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    PRIMARY KEY (attachment_id, subject_id)
) WITHOUT ROWID;
CREATE INDEX attachment_links_subject ON attachment_links (subject_id);

CREATE TABLE events (
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    act TEXT NOT NULL,
    -- the exact text the digest was made of; NULL once a person's data was removed
    payload TEXT,
    salt BLOB NOT NULL,
    payload_digest BLOB NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE messages (
    id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    rule TEXT,
    recipient TEXT NOT NULL,
    recipient_user_id BLOB REFERENCES users (id),
    recipient_unit_id BLOB REFERENCES units (id),
    -- recipient, local date and slot while lines may still be added; NULL from the first claim on
    open_digest TEXT UNIQUE,
    state TEXT NOT NULL,
    address TEXT,
    subject TEXT,
    raw BLOB,
    -- the letter's own date
    rendered_at INTEGER,
    -- office time of the next attempt; NULL when none is due
    next_at INTEGER,
    -- claims since the last outcome
    claims INTEGER NOT NULL,
    -- attempts so far, those of the messages that this one replaces included
    attempts INTEGER NOT NULL,
    uncertain INTEGER NOT NULL,
    lease_token BLOB,
    lease_until INTEGER,
    reason TEXT,
    -- office time from which giving up is counted: the first try, of the message that this one replaces too
    since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    version INTEGER NOT NULL
);
CREATE INDEX messages_next ON messages (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX messages_state ON messages (state, id);
CREATE INDEX messages_recipient ON messages (recipient, id);

-- Ticks that are running: while there is one, its digests may still grow and no worker takes them. Machine time.
CREATE TABLE ticks (
    id BLOB PRIMARY KEY NOT NULL,
    alive_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE attempts (
    message_id BLOB NOT NULL REFERENCES messages (id),
    no INTEGER NOT NULL,
    at INTEGER NOT NULL,
    server TEXT NOT NULL,
    phase TEXT NOT NULL,
    code INTEGER,
    reply TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (message_id, no)
) WITHOUT ROWID;
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE reminders (
    id BLOB PRIMARY KEY NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    rule TEXT NOT NULL,
    anchor_version INTEGER NOT NULL,
    step INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    recipient_user_id BLOB REFERENCES users (id),
    recipient_unit_id BLOB REFERENCES units (id),
    audience TEXT NOT NULL,
    copy BOOLEAN NOT NULL,
    step_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    message_id BLOB REFERENCES messages (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (subject_id, rule, anchor_version, step, recipient)
);
CREATE INDEX reminders_message ON reminders (message_id);
CREATE INDEX reminders_step ON reminders (step_at, id);
CREATE INDEX reminders_recipient ON reminders (recipient, step_at, id);
CREATE INDEX reminders_state ON reminders (state, step_at, id);

CREATE TABLE reminder_rules (
    code TEXT PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE calendars (
    code TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL
);

CREATE TABLE calendar_years (
    calendar TEXT NOT NULL REFERENCES calendars (code),
    year INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (calendar, year)
) WITHOUT ROWID;

CREATE TABLE calendar_days (
    calendar TEXT NOT NULL REFERENCES calendars (code),
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (calendar, day)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (created_at);
