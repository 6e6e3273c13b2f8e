//! What an attempt means for its message: sent, tried again, dead; written down in one short transaction.

use super::amend::fall_back;
use super::courier::Delivered;
use super::outcome::{DeliveryResult, Outcome as Delivery, Phase};
use crate::domain::id::{LeaseId, MessageId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{EndReason, MessageKind, MessageState, ReminderState};
use crate::store::ledger;
use crate::store::outbox::{self, AttemptRow, Fate, MessageRow};
use crate::transaction::{Outcome, Tx};
use chrono::TimeDelta;

/// Minutes to the next try, after the first, the second …; then every six hours.
const RETRY_MINUTES: [i64; 7] = [1, 5, 15, 30, 60, 120, 240];
const RETRY_MINUTES_AFTER: i64 = 360;
const GIVE_UP_DAYS: i64 = 5;

/// Attempt, state and lines in one transaction. Nothing where the message is no longer this token's.
pub(super) fn record(tx: &mut Tx<'_>, message: &MessageRow, delivery: &Delivery, token: LeaseId) -> Outcome<Delivered> {
    let fate = fate(tx, message, delivery);
    if !outbox::finish(tx.conn, message.id, token, &fate)? {
        tracing::warn!(message.id = %message.id, result = %delivery.result, "an outcome came after the lease had run out");
        return Ok(Delivered::default());
    }
    let attempt = AttemptRow {
        message_id: message.id,
        no: fate.attempts,
        at: tx.now,
        server: delivery.server.clone(),
        phase: delivery.phase.to_string(),
        code: delivery.code.map(i32::from),
        reply: delivery.reply.clone(),
        result: delivery.result.to_string(),
    };
    outbox::insert_attempt(tx.conn, &attempt)?;
    let mut done = Delivered::default();
    match fate.state {
        MessageState::Sent => {
            done.sent = 1;
            ledger::end_lines(tx.conn, message.id, ReminderState::Sent, None, tx.now)?;
        }
        MessageState::Dead => {
            done.dead = 1;
            if fate.reason == Some(EndReason::Refused) {
                fall_back(tx, message)?;
            }
            let reason = fate.reason.map(EndReason::as_str);
            ledger::end_lines(tx.conn, message.id, ReminderState::Failed, reason, tx.now)?;
        }
        MessageState::Retry => done.retried = 1,
        MessageState::Uncertain => done.uncertain = 1,
        MessageState::Queued | MessageState::Sending | MessageState::Held | MessageState::Cancelled => {}
    }
    if is_channel_fault(delivery) {
        done.faults = 1;
        outbox::set_pause(tx.conn, &format!("{}: {}", delivery.phase, delivery.reply), tx.machine_now)?;
    } else if delivery.result == DeliveryResult::Sent && outbox::pause(tx.conn)?.is_some() {
        outbox::end_pause(tx.conn)?;
    }
    Ok(done)
}

/// How the message goes on.
fn fate(tx: &Tx<'_>, message: &MessageRow, delivery: &Delivery) -> Fate {
    let now = tx.now;
    let attempts = message.attempts + 1;
    let since = if message.attempts == 0 { now } else { message.since };
    let is_too_old = now >= since.plus(TimeDelta::days(GIVE_UP_DAYS));
    let fate = |state, next_at, reason| Fate {
        state,
        next_at,
        reason,
        attempts,
        uncertain: message.uncertain,
        since,
        sent_at: None,
    };
    match delivery.result {
        DeliveryResult::Sent => Fate { sent_at: Some(now), ..fate(MessageState::Sent, None, None) },
        DeliveryResult::Dead => fate(MessageState::Dead, None, Some(EndReason::Refused)),
        DeliveryResult::Uncertain if message.uncertain > 0 => {
            fate(MessageState::Dead, None, Some(EndReason::Uncertain))
        }
        DeliveryResult::Uncertain => {
            let wait = TimeDelta::seconds(spread(message.id, attempts, 5 * 60, 30 * 60));
            Fate { uncertain: message.uncertain + 1, ..fate(MessageState::Uncertain, Some(now.plus(wait)), None) }
        }
        DeliveryResult::Retry if is_too_old && !is_channel_fault(delivery) => {
            fate(MessageState::Dead, None, Some(EndReason::GivenUp))
        }
        DeliveryResult::Retry => fate(MessageState::Retry, Some(next_try(tx, message, attempts)), None),
        // As it was: the message is not to blame.
        DeliveryResult::ChannelFault => {
            let state = if message.state == MessageState::Sending { MessageState::Retry } else { message.state };
            fate(state, message.next_at, None)
        }
    }
}

/// Mails that nobody's act caused are tried again within the window.
fn next_try(tx: &Tx<'_>, message: &MessageRow, attempts: i32) -> Instant {
    let nth = usize::try_from(attempts - 1).unwrap_or(0);
    let seconds = RETRY_MINUTES.get(nth).copied().unwrap_or(RETRY_MINUTES_AFTER) * 60;
    let next = tx.now.plus(TimeDelta::seconds(spread(message.id, attempts, seconds * 4 / 5, seconds * 6 / 5)));
    match message.kind {
        MessageKind::AtOnce => next,
        MessageKind::Digest => tx.office.planner(&tx.rules).next_open(next),
    }
}

/// Before MAIL nothing has been said of the message: what fails there fails for all of them.
pub(super) fn is_channel_fault(delivery: &Delivery) -> bool {
    match delivery.result {
        DeliveryResult::ChannelFault => true,
        DeliveryResult::Retry => match delivery.phase {
            Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Starttls | Phase::Tls | Phase::Auth => true,
            Phase::Mail
            | Phase::Rcpt
            | Phase::Data
            | Phase::Body
            | Phase::Dot
            | Phase::Quit
            | Phase::File
            | Phase::None => false,
        },
        DeliveryResult::Sent | DeliveryResult::Dead | DeliveryResult::Uncertain => false,
    }
}

/// A number between two others that differs from message to message and from try to try, so that they don't all come at
/// once, and is the same when the run is replayed.
fn spread(id: MessageId, nth: i32, from: i64, to: i64) -> i64 {
    // SplitMix64's last step (Steele, Lea, Flood 2014) over the random half of the id.
    let (_, low) = id.0.as_u64_pair();
    let z = low ^ u64::try_from(nth).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let span = u64::try_from(to - from + 1).unwrap_or(1).max(1);
    from + i64::try_from((z ^ (z >> 31)) % span).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn a_spread_stays_between_its_ends_and_is_the_same_again(id: u128, nth in 0..30, from in 0..10_000_i64, span in 0..10_000_i64) {
            let id = MessageId(Uuid::from_u128(id));
            let drawn = spread(id, nth, from, from + span);
            prop_assert!((from..=from + span).contains(&drawn));
            prop_assert_eq!(drawn, spread(id, nth, from, from + span));
        }
    }

    #[test]
    fn tries_of_many_messages_do_not_come_together() {
        let drawn: std::collections::BTreeSet<i64> =
            (0..100).map(|n| spread(MessageId(Uuid::from_u128(n)), 1, 48, 72)).collect();
        assert!(drawn.len() > 20, "{drawn:?}");
    }
}
