//! The tables as diesel sees them, one description for both databases. Written by hand: the types are ours.
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "diesel's table! is written so"))]

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    units (id) {
        id -> Uid,
        code -> Text,
        name -> Text,
        short_name -> Text,
        name_en -> Text,
        kind -> Text,
        parent_id -> Nullable<Uid>,
        mailbox -> Nullable<Text>,
        backup_mailbox -> Nullable<Text>,
        active -> Bool,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    unit_members (group_id, unit_id) {
        group_id -> Uid,
        unit_id -> Uid,
        position -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    users (id) {
        id -> Uid,
        login -> Text,
        name -> Text,
        email -> Nullable<Text>,
        unit_id -> Nullable<Uid>,
        roles -> Text,
        locale -> Text,
        active -> Bool,
        service -> Bool,
        password_hash -> Nullable<Text>,
        deputy_id -> Nullable<Uid>,
        deputy_from -> Nullable<Date>,
        deputy_to -> Nullable<Date>,
        failed_sign_ins -> Integer,
        locked_until -> Nullable<Moment>,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    sessions (id) {
        id -> Uid,
        token_hash -> Binary,
        user_id -> Uid,
        csrf_token -> Text,
        created_at -> Moment,
        seen_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    tokens (id) {
        id -> Uid,
        user_id -> Uid,
        name -> Text,
        hash -> Binary,
        scopes -> Nullable<Text>,
        created_at -> Moment,
        expires_on -> Nullable<Date>,
        last_used_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    notices (id) {
        id -> Uid,
        code -> Text,
        title -> Text,
        document_no -> Nullable<Text>,
        issued_on -> Nullable<Date>,
        basis -> Nullable<Text>,
        sampling_from -> Nullable<Date>,
        sampling_to -> Nullable<Date>,
        deadline_on -> Nullable<Date>,
        deadline_cutoff -> Nullable<Text>,
        deadline_inclusive -> Bool,
        deadline_raw -> Nullable<Text>,
        feedback_to -> Nullable<Uid>,
        look_back -> Text,
        state -> Text,
        issued_at -> Nullable<Moment>,
        closed_at -> Nullable<Moment>,
        due_on -> Nullable<Date>,
        due_at -> Nullable<Moment>,
        next_reminder_at -> Nullable<Moment>,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    coverage (notice_id, kind, unit_id) {
        notice_id -> Uid,
        kind -> Text,
        unit_id -> Uid,
        position -> Integer,
        in_operation -> Integer,
        checked -> Nullable<Integer>,
        prominent -> Integer,
        printed_share -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    requirements (id) {
        id -> Uid,
        notice_id -> Uid,
        code -> Text,
        text -> Text,
        position -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    requirement_units (requirement_id, unit_id) {
        requirement_id -> Uid,
        unit_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    findings (id) {
        id -> Uid,
        notice_id -> Uid,
        code -> Text,
        title -> Text,
        text -> Text,
        indicator -> Nullable<Text>,
        severity -> Text,
        category -> Nullable<Text>,
        open_ended -> Bool,
        due_on -> Nullable<Date>,
        rectified_before_notice -> Bool,
        position -> Integer,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
        recurrence_of -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    finding_units (finding_id, unit_id, part) {
        finding_id -> Uid,
        unit_id -> Uid,
        part -> Text,
        position -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    assets (id) {
        id -> Uid,
        code -> Text,
        kind -> Text,
        name -> Text,
        address -> Nullable<Text>,
        platform -> Nullable<Text>,
        unit_id -> Uid,
        supervising_unit_id -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    finding_assets (finding_id, asset_id) {
        finding_id -> Uid,
        asset_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    tickets (id) {
        id -> Uid,
        reference -> Text,
        notice_id -> Uid,
        finding_id -> Uid,
        unit_id -> Uid,
        title -> Text,
        severity -> Text,
        state -> Text,
        pending -> Nullable<Text>,
        look_back -> Text,
        handler -> Nullable<Text>,
        due_on -> Date,
        due_at -> Moment,
        unit_due_at -> Nullable<Moment>,
        original_due_on -> Date,
        due_version -> Integer,
        due_since -> Moment,
        provisional -> Bool,
        extensions -> Integer,
        percent -> Integer,
        cycle -> Integer,
        failed_again -> Integer,
        assignment -> Integer,
        urged -> Integer,
        issued_at -> Moment,
        assigned_at -> Moment,
        acknowledged_at -> Nullable<Moment>,
        completed_on -> Nullable<Date>,
        result -> Nullable<Text>,
        submitted_at -> Nullable<Moment>,
        submitted_by -> Nullable<Uid>,
        on_time -> Nullable<Bool>,
        returned_at -> Nullable<Moment>,
        accepted_at -> Nullable<Moment>,
        accepted_by -> Nullable<Uid>,
        look_back_on -> Nullable<Date>,
        verified_at -> Nullable<Moment>,
        closed_at -> Nullable<Moment>,
        last_progress_at -> Nullable<Moment>,
        recurrence_of -> Nullable<Uid>,
        last_reminder_id -> Nullable<Uid>,
        next_reminder_at -> Nullable<Moment>,
        version -> BigInt,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    milestones (id) {
        id -> Uid,
        ticket_id -> Uid,
        position -> Integer,
        reach_on -> Date,
        text -> Text,
        reported_at -> Nullable<Moment>,
        reached_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    ticket_parties (unit_id, ticket_id) {
        unit_id -> Uid,
        ticket_id -> Uid,
        part -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    feedback (id) {
        id -> Uid,
        notice_id -> Uid,
        unit_id -> Uid,
        letter_no -> Nullable<Text>,
        signatory -> Text,
        author_id -> Nullable<Uid>,
        registered -> Bool,
        received_on -> Nullable<Date>,
        submitted_at -> Moment,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    feedback_items (id) {
        id -> Uid,
        feedback_id -> Uid,
        ticket_id -> Uid,
        cycle -> Integer,
        cause -> Text,
        measures -> Text,
        result -> Text,
        completed_on -> Nullable<Date>,
        decision -> Nullable<Text>,
        reason -> Nullable<Text>,
        decided_at -> Nullable<Moment>,
        decided_by -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    requirement_answers (requirement_id, unit_id, feedback_id) {
        requirement_id -> Uid,
        unit_id -> Uid,
        feedback_id -> Uid,
        text -> Text,
        answered_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    attachments (id) {
        id -> Uid,
        sha256 -> Text,
        name -> Text,
        media_type -> Text,
        size_bytes -> BigInt,
        uploaded_by -> Nullable<Uid>,
        unit_id -> Nullable<Uid>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    attachment_links (attachment_id, subject_id) {
        attachment_id -> Uid,
        subject_kind -> Text,
        subject_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    events (stream, seq) {
        stream -> Text,
        seq -> BigInt,
        id -> Uid,
        at -> Moment,
        actor -> Text,
        actor_name -> Text,
        act -> Text,
        payload -> Nullable<Text>,
        salt -> Binary,
        payload_digest -> Binary,
        prev_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    messages (id) {
        id -> Uid,
        kind -> Text,
        rule -> Nullable<Text>,
        recipient -> Text,
        recipient_user_id -> Nullable<Uid>,
        recipient_unit_id -> Nullable<Uid>,
        open_digest -> Nullable<Text>,
        state -> Text,
        address -> Nullable<Text>,
        subject -> Nullable<Text>,
        raw -> Nullable<Binary>,
        rendered_at -> Nullable<Moment>,
        next_at -> Nullable<Moment>,
        claims -> Integer,
        attempts -> Integer,
        uncertain -> Integer,
        lease_token -> Nullable<Uid>,
        lease_until -> Nullable<Moment>,
        reason -> Nullable<Text>,
        since -> Moment,
        created_at -> Moment,
        sent_at -> Nullable<Moment>,
        version -> BigInt,
    }
}

diesel::table! {
    use crate::store::{Moment, Uid};

    ticks (id) {
        id -> Uid,
        alive_until -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    attempts (message_id, no) {
        message_id -> Uid,
        no -> Integer,
        at -> Moment,
        server -> Text,
        phase -> Text,
        code -> Nullable<Integer>,
        reply -> Text,
        result -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    reminders (id) {
        id -> Uid,
        subject_kind -> Text,
        subject_id -> Uid,
        rule -> Text,
        anchor_version -> BigInt,
        step -> Integer,
        recipient -> Text,
        recipient_user_id -> Nullable<Uid>,
        recipient_unit_id -> Nullable<Uid>,
        audience -> Text,
        copy -> Bool,
        step_at -> Moment,
        state -> Text,
        reason -> Nullable<Text>,
        message_id -> Nullable<Uid>,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    reminder_rules (code) {
        code -> Text,
        position -> Integer,
        definition -> Text,
        version -> BigInt,
        updated_at -> Moment,
        since -> Nullable<Moment>,
        series -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    due_periods (ticket_id, due_version) {
        ticket_id -> Uid,
        due_version -> Integer,
        due_on -> Date,
        counted_from -> Date,
        working_days -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    calendars (code) {
        code -> Text,
        name -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    calendar_years (calendar, year) {
        calendar -> Text,
        year -> Integer,
        source -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    calendar_days (calendar, day) {
        calendar -> Text,
        day -> Date,
        kind -> Text,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::{Moment, Uid};

    idempotency (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Binary,
        status -> Nullable<Integer>,
        headers -> Text,
        body -> Binary,
        created_at -> Moment,
    }
}

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    units,
    unit_members,
    users,
    sessions,
    tokens,
    notices,
    coverage,
    requirements,
    requirement_units,
    findings,
    finding_units,
    assets,
    finding_assets,
    tickets,
    milestones,
    ticket_parties,
    feedback,
    feedback_items,
    requirement_answers,
    attachments,
    attachment_links,
    events,
    messages,
    ticks,
    attempts,
    reminders,
    reminder_rules,
    due_periods,
    calendars,
    calendar_years,
    calendar_days,
    idempotency,
);
