//! "Why did, or didn't, … get a mail?" on a ticket's page: a choice of people, and the answer.

use crate::queries::reminders::RuleName;
use crate::queries::why::{self, NotToldOut, WhyOut, WhyQuery};
use crate::transaction::Outcome;
use crate::web::lens::{Lens, Moment};
use crate::web::view::Choice;
use crate::web::visit::Room;
use serde::Serialize;

/// Lines of each kind that are listed.
const LINES: usize = 50;

#[derive(Debug, Serialize)]
pub struct WhyView {
    people: Vec<Choice>,
    answer: Option<AnswerView>,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    words: String,
    told: Vec<LineView>,
    not_told: Vec<LineView>,
    /// Steps of rules that tell others.
    elsewhere: usize,
}

#[derive(Debug, Serialize)]
struct LineView {
    at: Moment,
    rule: String,
    /// Why not.
    reason: Option<String>,
    /// The mail, where the reader may see it.
    mail: Option<String>,
}

/// The form for a ticket, and the answer about who was chosen.
///
/// # Errors
/// When the ticket or the one who was chosen is out of sight.
pub fn view(room: &mut Room<'_, '_>, key: &str, chosen: Option<&str>) -> Outcome<WhyView> {
    let people = why::candidates(room.read, room.who, key)?;
    let answer = match chosen {
        Some(recipient) => {
            let query = WhyQuery { ticket: key.to_owned(), recipient: recipient.to_owned() };
            Some(why::why(room.read, room.who, &query, room.lens.lang)?)
        }
        None => None,
    };
    let choice =
        |one: why::Candidate| Choice { chosen: chosen == Some(one.value.as_str()), value: one.value, name: one.name };
    Ok(WhyView {
        people: people.into_iter().map(choice).collect(),
        answer: answer.map(|answer| answer_view(answer, &room.lens)),
    })
}

fn answer_view(answer: WhyOut, lens: &Lens) -> AnswerView {
    let (shown, elsewhere): (Vec<NotToldOut>, Vec<NotToldOut>) =
        answer.not_told.into_iter().partition(|one| one.reason != "not_in_audience");
    let told = answer.told.into_iter().take(LINES).map(|one| LineView {
        at: lens.moment(one.reminder.updated_at.unwrap_or(one.reminder.at)),
        rule: rule(one.reminder.rule_name.as_ref(), &one.reminder.rule, lens),
        reason: None,
        mail: one.reminder.message_id.map(|id| format!("/mail/{id}")),
    });
    let not_told = shown.into_iter().take(LINES).map(|one| LineView {
        at: lens.moment(one.at),
        rule: rule(one.rule_name.as_ref(), &one.rule, lens),
        reason: Some(one.why),
        mail: one.message_id.map(|id| format!("/mail/{id}")),
    });
    AnswerView { words: answer.words, told: told.collect(), not_told: not_told.collect(), elsewhere: elsewhere.len() }
}

fn rule(name: Option<&RuleName>, code: &str, lens: &Lens) -> String {
    name.map_or_else(|| code.to_owned(), |name| lens.lang.pick(&name.zh, &name.en).to_owned())
}
