//! The record: every event of every timeline, newest first, and whether it is whole.

use crate::domain::audit::proof::{Broken, CHECKPOINTS};
use crate::domain::vocabulary::Role;
use crate::queries::audit::{self, Verdict};
use crate::queries::page::Ask;
use crate::queries::people::Identity;
use crate::queries::record::{self, RecordOut, RecordQuery};
use crate::queries::timeline::EventOut;
use crate::transaction::Outcome;
use crate::web::lens::{Lens, Moment};
use crate::web::picks::ask;
use crate::web::texts::say_with;
use crate::web::timeline::{EventView, shown};
use crate::web::view::path_segment;
use crate::web::visit::{Room, Visit};
use actix_web::HttpResponse;
use serde::Serialize;

const LIMIT: i64 = 50;

#[derive(Debug, Serialize)]
struct AuditPage {
    /// Of a timeline or a person only: all there is would be counted anew with every look.
    total: Option<i64>,
    lines: Vec<Line>,
    stream: String,
    actor: String,
    from: String,
    filtered: bool,
    /// What the proof found, where it was asked for: it reads everything.
    verdict: Option<VerdictView>,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    event: EventView,
    /// The timeline, as people call it.
    subject: String,
    /// All of that timeline.
    href: String,
    /// Where the thing itself is shown.
    thing: Option<String>,
    hash: String,
}

#[derive(Debug, Serialize)]
struct VerdictView {
    whole: bool,
    words: String,
    checkpoint: Option<(i64, Moment, String)>,
}

/// Who reads the record.
#[must_use]
pub fn reads_record(who: &Identity) -> bool {
    who.has_any(&[Role::Admin, Role::Viewer])
}

/// `GET /audit`
pub async fn get_audit(visit: Visit) -> HttpResponse {
    let query = visit.query.clone();
    visit.page("audit.html", move |room| page(room, &query)).await
}

fn page(room: &mut Room<'_, '_>, given: &[(String, String)]) -> Outcome<AuditPage> {
    let one = |name: &str| {
        let value = given.iter().find(|(held, _)| held == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let from = one("from");
    let query = RecordQuery { stream: one("stream"), actor: one("actor"), from: date(from.as_deref())? };
    let kept: Vec<(&str, &str)> = ["stream", "actor", "from"]
        .into_iter()
        .filter_map(|name| given.iter().find(|(held, value)| held == name && !value.trim().is_empty()))
        .map(|(name, value)| (name.as_str(), value.trim()))
        .collect();
    let cursor = one("cursor");
    let first = cursor.as_ref().map(|_| href(&kept, None));
    let count = query.stream.is_some() || query.actor.is_some();
    let ask = Ask { count, ..ask(LIMIT, cursor, &format!("web audit {kept:?}")) };
    let slice = record::list(room.read, room.who, &query, &ask)?;
    let verdict = match one("verify") {
        Some(_) => Some(audit::verify(room.read)?),
        None => None,
    };
    let lens = &room.lens;
    Ok(AuditPage {
        total: slice.total,
        lines: slice.items.into_iter().map(|event| line(event, lens)).collect(),
        filtered: !kept.is_empty(),
        verdict: verdict.map(|verdict| verdict_view(&verdict, lens)),
        next: slice.next.as_deref().map(|cursor| href(&kept, Some(cursor))),
        stream: query.stream.unwrap_or_default(),
        actor: query.actor.unwrap_or_default(),
        from: from.unwrap_or_default(),
        first,
    })
}

fn date(text: Option<&str>) -> Outcome<Option<chrono::NaiveDate>> {
    use crate::domain::refusal::{Code, Fault, Place, Refusal};
    let Some(text) = text else { return Ok(None) };
    let fault = || Refusal::field(Fault::new(Place::Parameter("from".to_owned()), Code::FieldDate));
    Ok(Some(text.parse().map_err(|_not_a_date| fault())?))
}

fn line(record: RecordOut, lens: &Lens) -> Line {
    let subject = record.subject.clone().unwrap_or_else(|| record.stream.clone());
    let kind = record.stream.split(':').next().unwrap_or_default();
    let id = record.stream.split(':').nth(1).unwrap_or_default();
    let thing = match kind {
        "ticket" => Some(format!("/tickets/{}", path_segment(&subject))),
        "notice" => Some(format!("/notices/{}", path_segment(&subject))),
        "feedback" => Some(format!("/feedback/{id}")),
        _ => None,
    };
    let name = kind_name(kind, lens);
    let href = href(&[("stream", &record.stream)], None);
    let event = EventOut {
        id: record.id,
        seq: record.seq,
        at: record.at,
        actor: record.actor,
        act: record.act,
        payload: record.payload,
        attachments: Vec::new(),
        units: record.units,
        hash: record.hash.clone(),
    };
    Line {
        event: shown(&event, lens),
        subject: if record.subject.is_some() { format!("{name} {subject}") } else { name.to_owned() },
        href,
        thing,
        hash: record.hash,
    }
}

fn kind_name(kind: &str, lens: &Lens) -> &'static str {
    match kind {
        "ticket" => lens.t("audit.kind.ticket"),
        "notice" => lens.t("audit.kind.notice"),
        "finding" => lens.t("audit.kind.finding"),
        "feedback" => lens.t("audit.kind.feedback"),
        "unit" => lens.t("audit.kind.unit"),
        "user" => lens.t("audit.kind.user"),
        "asset" => lens.t("audit.kind.asset"),
        _ => lens.t("audit.kind.office"),
    }
}

fn verdict_view(verdict: &Verdict, lens: &Lens) -> VerdictView {
    let events = verdict.events.to_string();
    let words = match &verdict.first_broken {
        None => say_with(lens.lang, "audit.whole", &[("n", &events)]),
        Some(broken) => broken_words(broken, lens),
    };
    let checkpoint = verdict.last_checkpoint.as_ref();
    VerdictView {
        whole: verdict.whole,
        words,
        checkpoint: checkpoint.map(|made| (made.number, lens.moment(made.at), made.hash.clone())),
    }
}

fn broken_words(broken: &Broken, lens: &Lens) -> String {
    let stream = if broken.stream == CHECKPOINTS { lens.t("audit.checkpoint") } else { &broken.stream };
    let seq = broken.seq.to_string();
    let reason = broken.reason.words(lens.lang);
    say_with(lens.lang, "audit.broken", &[("stream", stream), ("seq", &seq), ("reason", reason)])
}

fn href(kept: &[(&str, &str)], cursor: Option<&str>) -> String {
    let pairs = kept.iter().copied().chain(cursor.map(|cursor| ("cursor", cursor)));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { "/audit".to_owned() } else { format!("/audit?{query}") }
}
