CREATE TABLE units (
    id UUID PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_id UUID REFERENCES units (id),
    mailbox TEXT,
    backup_mailbox TEXT,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX units_parent ON units (parent_id);

CREATE TABLE unit_members (
    group_id UUID NOT NULL REFERENCES units (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (group_id, unit_id)
);
CREATE INDEX unit_members_unit ON unit_members (unit_id);

CREATE TABLE users (
    id UUID PRIMARY KEY NOT NULL,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT,
    unit_id UUID REFERENCES units (id),
    roles TEXT NOT NULL,
    locale TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    service BOOLEAN NOT NULL,
    password_hash TEXT,
    deputy_id UUID REFERENCES users (id),
    deputy_from DATE,
    deputy_to DATE,
    failed_sign_ins INTEGER NOT NULL,
    locked_until TIMESTAMPTZ,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX users_unit ON users (unit_id);

CREATE TABLE sessions (
    id UUID PRIMARY KEY NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id),
    csrf_token TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tokens (
    id UUID PRIMARY KEY NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    scopes TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_on DATE,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX tokens_user ON tokens (user_id, id);

CREATE TABLE notices (
    id UUID PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    document_no TEXT,
    issued_on DATE,
    basis TEXT,
    sampling_from DATE,
    sampling_to DATE,
    deadline_on DATE,
    deadline_cutoff TEXT,
    deadline_inclusive BOOLEAN NOT NULL,
    deadline_raw TEXT,
    feedback_to UUID REFERENCES units (id),
    look_back TEXT NOT NULL,
    state TEXT NOT NULL,
    issued_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    due_on DATE,
    due_at TIMESTAMPTZ,
    next_reminder_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX notices_next_reminder ON notices (next_reminder_at) WHERE next_reminder_at IS NOT NULL;

CREATE TABLE coverage (
    notice_id UUID NOT NULL REFERENCES notices (id),
    kind TEXT NOT NULL,
    unit_id UUID NOT NULL REFERENCES units (id),
    position INTEGER NOT NULL,
    in_operation INTEGER NOT NULL,
    checked INTEGER,
    prominent INTEGER NOT NULL,
    printed_share TEXT,
    PRIMARY KEY (notice_id, kind, unit_id)
);

CREATE TABLE requirements (
    id UUID PRIMARY KEY NOT NULL,
    notice_id UUID NOT NULL REFERENCES notices (id),
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (notice_id, code)
);

CREATE TABLE requirement_units (
    requirement_id UUID NOT NULL REFERENCES requirements (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    PRIMARY KEY (requirement_id, unit_id)
);
CREATE INDEX requirement_units_unit ON requirement_units (unit_id);

CREATE TABLE findings (
    id UUID PRIMARY KEY NOT NULL,
    notice_id UUID NOT NULL REFERENCES notices (id),
    code TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    indicator TEXT,
    severity TEXT NOT NULL,
    category TEXT,
    open_ended BOOLEAN NOT NULL,
    due_on DATE,
    rectified_before_notice BOOLEAN NOT NULL,
    position INTEGER NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (notice_id, code)
);

CREATE TABLE finding_units (
    finding_id UUID NOT NULL REFERENCES findings (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    part TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (finding_id, unit_id, part)
);
CREATE INDEX finding_units_unit ON finding_units (unit_id);

CREATE TABLE assets (
    id UUID PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT,
    platform TEXT,
    unit_id UUID NOT NULL REFERENCES units (id),
    supervising_unit_id UUID REFERENCES units (id),
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX assets_unit ON assets (unit_id);

CREATE TABLE finding_assets (
    finding_id UUID NOT NULL REFERENCES findings (id),
    asset_id UUID NOT NULL REFERENCES assets (id),
    PRIMARY KEY (finding_id, asset_id)
);
CREATE INDEX finding_assets_asset ON finding_assets (asset_id);

CREATE TABLE tickets (
    id UUID PRIMARY KEY NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    notice_id UUID NOT NULL REFERENCES notices (id),
    finding_id UUID NOT NULL REFERENCES findings (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    pending TEXT,
    look_back TEXT NOT NULL,
    handler TEXT,
    due_on DATE NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    -- `due_at` while it is the unit's move, else NULL: overdue is a range of this index
    unit_due_at TIMESTAMPTZ,
    original_due_on DATE NOT NULL,
    due_version INTEGER NOT NULL,
    due_since TIMESTAMPTZ NOT NULL,
    provisional BOOLEAN NOT NULL,
    extensions INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    failed_again INTEGER NOT NULL,
    assignment INTEGER NOT NULL,
    urged INTEGER NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    assigned_at TIMESTAMPTZ NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    completed_on DATE,
    result TEXT,
    submitted_at TIMESTAMPTZ,
    submitted_by UUID REFERENCES users (id),
    on_time BOOLEAN,
    returned_at TIMESTAMPTZ,
    accepted_at TIMESTAMPTZ,
    accepted_by UUID REFERENCES users (id),
    look_back_on DATE,
    verified_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    last_progress_at TIMESTAMPTZ,
    recurrence_of UUID REFERENCES tickets (id),
    last_reminder_id UUID,
    next_reminder_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
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
    unit_id UUID NOT NULL REFERENCES units (id),
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    part TEXT NOT NULL,
    PRIMARY KEY (unit_id, ticket_id)
);
CREATE INDEX ticket_parties_ticket ON ticket_parties (ticket_id, part);

CREATE TABLE feedback (
    id UUID PRIMARY KEY NOT NULL,
    notice_id UUID NOT NULL REFERENCES notices (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    letter_no TEXT,
    signatory TEXT NOT NULL,
    author_id UUID REFERENCES users (id),
    registered BOOLEAN NOT NULL,
    received_on DATE,
    submitted_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX feedback_notice ON feedback (notice_id, unit_id, id);
CREATE INDEX feedback_unit ON feedback (unit_id, id);

CREATE TABLE feedback_items (
    id UUID PRIMARY KEY NOT NULL,
    feedback_id UUID NOT NULL REFERENCES feedback (id),
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    cycle INTEGER NOT NULL,
    cause TEXT NOT NULL,
    measures TEXT NOT NULL,
    result TEXT NOT NULL,
    completed_on DATE,
    decision TEXT,
    reason TEXT,
    decided_at TIMESTAMPTZ,
    decided_by UUID REFERENCES users (id),
    UNIQUE (ticket_id, cycle)
);
CREATE INDEX feedback_items_feedback ON feedback_items (feedback_id, id);

CREATE TABLE requirement_answers (
    requirement_id UUID NOT NULL REFERENCES requirements (id),
    unit_id UUID NOT NULL REFERENCES units (id),
    feedback_id UUID NOT NULL REFERENCES feedback (id),
    text TEXT NOT NULL,
    answered_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (requirement_id, unit_id, feedback_id)
);
CREATE INDEX requirement_answers_feedback ON requirement_answers (feedback_id);

CREATE TABLE attachments (
    id UUID PRIMARY KEY NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    uploaded_by UUID REFERENCES users (id),
    unit_id UUID REFERENCES units (id),
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX attachments_sha256 ON attachments (sha256);

-- What an upload belongs to: a ticket's timeline or a letter. Whoever sees that may download it.
CREATE TABLE attachment_links (
    attachment_id UUID NOT NULL REFERENCES attachments (id),
    subject_kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    PRIMARY KEY (attachment_id, subject_id)
);
CREATE INDEX attachment_links_subject ON attachment_links (subject_id);

CREATE TABLE events (
    stream TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id UUID NOT NULL UNIQUE,
    at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    act TEXT NOT NULL,
    -- the exact text the digest was made of; NULL once a person's data was removed
    payload TEXT,
    salt BYTEA NOT NULL,
    payload_digest BYTEA NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (stream, seq)
);

CREATE TABLE messages (
    id UUID PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    rule TEXT,
    recipient TEXT NOT NULL,
    recipient_user_id UUID REFERENCES users (id),
    recipient_unit_id UUID REFERENCES units (id),
    -- recipient, local date and slot while lines may still be added; NULL from the first claim on
    open_digest TEXT UNIQUE,
    state TEXT NOT NULL,
    address TEXT,
    subject TEXT,
    raw BYTEA,
    -- the letter's own date
    rendered_at TIMESTAMPTZ,
    -- office time of the next attempt; NULL when none is due
    next_at TIMESTAMPTZ,
    -- claims since the last outcome
    claims INTEGER NOT NULL,
    -- attempts so far, those of the messages that this one replaces included
    attempts INTEGER NOT NULL,
    uncertain INTEGER NOT NULL,
    lease_token UUID,
    lease_until TIMESTAMPTZ,
    reason TEXT,
    -- office time from which giving up is counted: the first try, of the message that this one replaces too
    since TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    version BIGINT NOT NULL
);
CREATE INDEX messages_next ON messages (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX messages_state ON messages (state, id);
CREATE INDEX messages_recipient ON messages (recipient, id);

-- Ticks that are running: while there is one, its digests may still grow and no worker takes them. Machine time.
CREATE TABLE ticks (
    id UUID PRIMARY KEY NOT NULL,
    alive_until TIMESTAMPTZ NOT NULL
);

CREATE TABLE attempts (
    message_id UUID NOT NULL REFERENCES messages (id),
    no INTEGER NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    server TEXT NOT NULL,
    phase TEXT NOT NULL,
    code INTEGER,
    reply TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (message_id, no)
);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE reminders (
    id UUID PRIMARY KEY NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    rule TEXT NOT NULL,
    anchor_version BIGINT NOT NULL,
    step INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    recipient_user_id UUID REFERENCES users (id),
    recipient_unit_id UUID REFERENCES units (id),
    audience TEXT NOT NULL,
    copy BOOLEAN NOT NULL,
    step_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    message_id UUID REFERENCES messages (id),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
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
    version BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE calendars (
    code TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE calendar_years (
    calendar TEXT NOT NULL REFERENCES calendars (code),
    year INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (calendar, year)
);

CREATE TABLE calendar_days (
    calendar TEXT NOT NULL REFERENCES calendars (code),
    day DATE NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (calendar, day)
);

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER,
    headers TEXT NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);
