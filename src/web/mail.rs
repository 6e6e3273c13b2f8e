//! Mails that went out, or should: the list, and one as its reader got it, with every try to deliver it.

use crate::actions::messages::{self as acts, Operation};
use crate::domain::id::MessageId;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::reminder::{EndReason, MessageKind, MessageState, SkipReason};
use crate::domain::vocabulary::Role;
use crate::http::problem;
use crate::queries::messages::{self, AttemptOut, MessageOut, MessageQuery};
use crate::queries::people::Identity;
use crate::queries::reminders::{RecipientOut, ReminderOut, ReminderStatus};
use crate::transaction::Outcome;
use crate::web::fields::{Attempt, Problems};
use crate::web::form::Sent;
use crate::web::lens::{Lens, Moment};
use crate::web::mail_text::plain_text;
use crate::web::picks::ask;
use crate::web::view::{Choice, path_segment, sentence};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use actix_web::web;
use serde::Serialize;

const LIMIT: i64 = 50;

#[derive(Debug, Serialize)]
struct MailsPage {
    total: i64,
    mails: Vec<MailLine>,
    states: Vec<Choice>,
    recipient: String,
    filtered: bool,
    /// Why no mail leaves at the moment.
    pause: Option<PauseView>,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Debug, Serialize)]
struct PauseView {
    since: Moment,
    reason: String,
}

#[derive(Debug, Serialize)]
struct MailLine {
    href: String,
    subject: String,
    recipient: String,
    address: Option<String>,
    kind: &'static str,
    state: String,
    /// Nobody may have got it.
    failed: bool,
    at: Moment,
    attempts: i32,
    next_at: Option<Moment>,
}

#[derive(Debug, Serialize)]
struct MailPage {
    line: MailLine,
    reason: Option<String>,
    text: Option<String>,
    version: i64,
    /// What the reader may do to it: address and name.
    acts: Vec<(&'static str, &'static str)>,
    problems: Option<Problems>,
    log: Vec<AttemptView>,
    reminders: Vec<ToldView>,
}

#[derive(Debug, Serialize)]
struct AttemptView {
    no: i32,
    at: Moment,
    server: String,
    phase: String,
    reply: String,
    result: String,
}

/// A reminder as a line: which rule, to whom, and what became of it.
#[derive(Debug, Serialize)]
pub struct ToldView {
    pub rule: String,
    pub recipient: Option<String>,
    pub at: Moment,
    pub state: String,
    pub failed: bool,
    /// Still to come.
    pub planned: bool,
    pub reason: Option<String>,
    pub reference: Option<String>,
    pub href: Option<String>,
    /// The mail that tells it.
    pub mail: Option<String>,
}

/// `GET /mail`
pub async fn get_mails(visit: Visit) -> HttpResponse {
    let query = visit.query.clone();
    visit.page("mails.html", move |room| list(room, &query)).await
}

fn list(room: &mut Room<'_, '_>, given: &[(String, String)]) -> Outcome<MailsPage> {
    let all = |name: &'static str| given.iter().filter(move |(held, value)| held == name && !value.trim().is_empty());
    let one = |name: &'static str| all(name).next().map(|(_, value)| value.trim().to_owned());
    let query =
        MessageQuery { state: states(all("state").map(|(_, word)| word.as_str()))?, recipient: one("recipient") };
    let kept: Vec<(&str, &str)> =
        all("state").chain(all("recipient")).map(|(name, value)| (name.as_str(), value.trim())).collect();
    let cursor = one("cursor");
    let first = cursor.as_ref().map(|_| href(&kept, None));
    let slice = messages::list(room.read, room.who, &query, &ask(LIMIT, cursor, &format!("web mail {kept:?}")))?;
    let pause = messages::pause(room.read)?;
    let lens = &room.lens;
    let choice = |state: &MessageState| Choice {
        value: state.to_string(),
        name: sentence(state.name(lens.lang)),
        chosen: query.state.contains(state),
    };
    Ok(MailsPage {
        total: slice.total.unwrap_or_default(),
        mails: slice.items.iter().map(|mail| line(mail, lens)).collect(),
        states: MessageState::ALL.iter().map(choice).collect(),
        filtered: !kept.is_empty(),
        pause: pause.map(|pause| PauseView { since: lens.moment(pause.since), reason: pause.reason }),
        next: slice.next.as_deref().map(|cursor| href(&kept, Some(cursor))),
        recipient: query.recipient.unwrap_or_default(),
        first,
    })
}

fn states<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<MessageState>, Refusal> {
    let unknown = |word: &str| {
        let place = Place::Parameter("state".to_owned());
        Refusal::field(Fault::new(place, Code::FieldReference).with("value", word))
    };
    words.map(|word| word.parse().map_err(|_not_a_state| unknown(word))).collect()
}

fn href(kept: &[(&str, &str)], cursor: Option<&str>) -> String {
    let pairs = kept.iter().copied().chain(cursor.map(|cursor| ("cursor", cursor)));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { "/mail".to_owned() } else { format!("/mail?{query}") }
}

/// `GET /mail/{id}`
pub async fn get_mail(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let id = id.into_inner();
    visit.page("mail.html", move |room| one(room, known(&id)?, None)).await
}

fn known(id: &str) -> Result<MessageId, Refusal> {
    id.parse().map_err(|_not_an_id| Refusal::missing())
}

/// What a coordinator may do to a mail, as the last part of its address.
const ACTS: [(&str, Operation); 4] = [
    ("retry", Operation::Retry),
    ("hold", Operation::Hold),
    ("release", Operation::Release),
    ("cancel", Operation::Cancel),
];

/// `GET /mail/{id}/{act}`: where a reload leads.
pub async fn get_act(path: web::Path<(String, String)>) -> HttpResponse {
    see_other(&format!("/mail/{}", path_segment(&path.0)))
}

/// `POST /mail/{id}/{act}`
pub async fn post_act(visit: Visit, path: web::Path<(String, String)>, sent: Sent) -> HttpResponse {
    let (id, word) = path.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let Some((_, operation)) = ACTS.into_iter().find(|(name, _)| *name == word) else {
        return visit.refused(&Refusal::missing().into()).await;
    };
    let (key, version) = (id.clone(), form.version());
    let done = visit.change(&form, move |tx, who| acts::operate(tx, who, known(&key)?, operation, version));
    let failure = match done.await {
        Ok(()) => return see_other(&format!("/mail/{}?done=mail_{word}", path_segment(&id))),
        Err(failure) => failure,
    };
    let refusal = problem::told(&failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "mail.html", move |room| one(room, known(&id)?, Some(&attempt))).await
}

fn one(room: &mut Room<'_, '_>, id: MessageId, attempt: Option<&Attempt>) -> Outcome<MailPage> {
    let mail = messages::get(room.read, room.who, id)?;
    let raw = messages::raw(room.read, room.who, id)?;
    let lens = &room.lens;
    Ok(MailPage {
        line: line(&mail.message, lens),
        reason: mail.message.reason.as_deref().map(|word| reason(word, lens)),
        text: raw.as_deref().and_then(plain_text),
        version: mail.message.version,
        acts: allowed(room.who, mail.message.state, lens),
        problems: attempt.map(|attempt| attempt.problems(&[], lens)),
        log: mail.log.iter().map(|attempt| attempt_view(attempt, lens)).collect(),
        reminders: mail.reminders.iter().map(|reminder| told(reminder, lens)).collect(),
    })
}

fn allowed(who: &Identity, state: MessageState, lens: &Lens) -> Vec<(&'static str, &'static str)> {
    let acts = ACTS.into_iter().filter(|(_, operation)| who.has(Role::Coordinator) && operation.is_allowed(state));
    acts.map(|(word, operation)| {
        let name = match operation {
            Operation::Retry => lens.t("mail.retry_now"),
            Operation::Hold => lens.t("mail.hold"),
            Operation::Release => lens.t("mail.release"),
            Operation::Cancel => lens.t("mail.cancel"),
        };
        (word, name)
    })
    .collect()
}

fn line(mail: &MessageOut, lens: &Lens) -> MailLine {
    MailLine {
        href: format!("/mail/{}", mail.id),
        subject: mail.subject.clone().unwrap_or_else(|| lens.t("mail.unwritten").to_owned()),
        recipient: recipient(&mail.recipient, lens),
        address: mail.address.clone().or_else(|| mail.recipient.address.clone()),
        kind: match mail.kind {
            MessageKind::AtOnce => lens.t("mail.at_once"),
            MessageKind::Digest => lens.t("mail.digest"),
        },
        state: sentence(mail.state.name(lens.lang)),
        failed: matches!(mail.state, MessageState::Dead | MessageState::Uncertain),
        at: lens.moment(mail.sent_at.unwrap_or(mail.created_at)),
        attempts: mail.attempts,
        next_at: mail.next_at.filter(|_| mail.state.is_waiting()).map(|at| lens.moment(at)),
    }
}

fn recipient(one: &RecipientOut, lens: &Lens) -> String {
    one.name.clone().or_else(|| one.address.clone()).unwrap_or_else(|| lens.t("mail.somebody").to_owned())
}

/// A word of the record in the reader's language.
fn reason(word: &str, lens: &Lens) -> String {
    let ended = word.parse::<EndReason>().map(|reason| reason.name(lens.lang));
    let known = ended.or_else(|_| word.parse::<SkipReason>().map(|reason| reason.name(lens.lang)));
    known.unwrap_or(word).to_owned()
}

fn attempt_view(attempt: &AttemptOut, lens: &Lens) -> AttemptView {
    AttemptView {
        no: attempt.no,
        at: lens.moment(attempt.at),
        server: attempt.server.clone(),
        phase: attempt.phase.clone(),
        reply: match attempt.code {
            Some(code) => format!("{code} {}", attempt.reply),
            None => attempt.reply.clone(),
        },
        result: match attempt.result.as_str() {
            "sent" => lens.t("attempt.sent").to_owned(),
            "retry" => lens.t("attempt.retry").to_owned(),
            "dead" => lens.t("attempt.dead").to_owned(),
            "uncertain" => lens.t("attempt.uncertain").to_owned(),
            "channel_fault" => lens.t("attempt.channel").to_owned(),
            other => other.to_owned(),
        },
    }
}

/// A reminder of the ledger, or one to come, as a line.
#[must_use]
pub fn told(reminder: &ReminderOut, lens: &Lens) -> ToldView {
    let rule = reminder.rule_name.as_ref().map(|name| lens.lang.pick(&name.zh, &name.en).to_owned());
    let reference = reminder.subject.reference.clone();
    let href = reference.as_deref().map(|reference| match reminder.subject.kind {
        crate::domain::reminder::Subject::Ticket => format!("/tickets/{}", path_segment(reference)),
        crate::domain::reminder::Subject::Notice => format!("/notices/{}", path_segment(reference)),
        crate::domain::reminder::Subject::Office => "/".to_owned(),
    });
    ToldView {
        rule: rule.unwrap_or_else(|| reminder.rule.clone()),
        recipient: reminder.recipient.as_ref().map(|one| recipient(one, lens)),
        at: lens.moment(reminder.updated_at.filter(|_| reminder.state == ReminderStatus::Sent).unwrap_or(reminder.at)),
        state: match reminder.state {
            ReminderStatus::Planned => lens.t("reminder.planned"),
            ReminderStatus::Queued => lens.t("reminder.queued"),
            ReminderStatus::Sent => lens.t("reminder.sent"),
            ReminderStatus::Failed => lens.t("reminder.failed"),
            ReminderStatus::Skipped => lens.t("reminder.skipped"),
            ReminderStatus::Cancelled => lens.t("reminder.cancelled"),
        }
        .to_owned(),
        failed: reminder.state == ReminderStatus::Failed,
        planned: reminder.state == ReminderStatus::Planned,
        reason: reminder.reason.as_deref().map(|word| reason(word, lens)),
        reference,
        href,
        mail: reminder.message_id.map(|id| format!("/mail/{id}")),
    }
}
