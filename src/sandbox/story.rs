//! The past of a sandbox: `config/demo/story.toml` played step by step, by the people's own actions, under a clock that is
//! moved forward; mails go out on the way as they would have.

use super::people::{Person, actor, settle_in};
use super::source::Edition;
use crate::actions::feedback::{NewAnswer, NewFeedback, NewItem, submit};
use crate::actions::requests::{self, NewExtension};
use crate::actions::tickets::{self, Decision, LookBack, Progress};
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::calendar::at_local;
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::ticket::{Command, NewMilestone};
use crate::domain::vocabulary::{LookBackOutcome, WorkResult};
use crate::domain::words::Lang;
use crate::mail::{Courier, Sender};
use crate::reminders;
use crate::store::{StoreError, notices, units};
use crate::transaction::{Outcome, Tx, World};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const STORY: &str = include_str!("../../config/demo/story.toml");

/// When a round is issued, and when everybody is registered before the first.
const ISSUED: (u32, u32) = (9, 0);
const REGISTERED: (u32, u32) = (8, 0);
/// Each working day the engine looks and delivers at these times.
const LOOKS: [(u32, u32); 3] = [(8, 31), (12, 1), (17, 29)];
/// What several people do in one step, they do one after the other.
const APART: TimeDelta = TimeDelta::minutes(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    round: Vec<Round>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    code: String,
    title: Text,
    issued_before: i32,
    due_in: i32,
    step: Vec<Step>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
struct Text {
    zh: String,
    en: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Step {
    day: i32,
    #[serde(deserialize_with = "time_of_day")]
    time: NaiveTime,
    who: String,
    act: Deed,
    tickets: Vec<String>,
    percent: Option<i64>,
    result: Option<WorkResult>,
    /// Days from completion to the letter.
    completed_before: Option<u64>,
    due_in: Option<u16>,
    unit: Option<String>,
    #[serde(default)]
    cause: Text,
    #[serde(default)]
    measures: Text,
    /// To every requirement that the notice asks of the unit.
    answers: Option<Text>,
    #[serde(default)]
    reason: Text,
    #[serde(default)]
    method: Text,
    #[serde(default)]
    text: Text,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Acknowledge,
    Progress,
    Feedback,
    Accept,
    Return,
    LookBackPass,
    LookBackFail,
    Extension,
    DecideExtension,
    Object,
    Urge,
    Carry,
    Cancel,
}

fn time_of_day<'de, D: Deserializer<'de>>(input: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(input)?;
    NaiveTime::parse_from_str(&text, "%H:%M").map_err(serde::de::Error::custom)
}

impl Text {
    fn of(&self, lang: Lang) -> &str {
        lang.pick(&self.zh, &self.en)
    }
}

/// What happens at one moment.
#[derive(Clone)]
enum Moment {
    /// The engine looks and delivers.
    Look,
    /// A round is issued.
    Issue(usize),
    /// A step of a round, for these of its tickets: all of one unit.
    Step(usize, Box<Step>),
}

/// What a round has come to.
#[derive(Default)]
struct Played {
    /// Lead unit's code by the end of the reference: `F03-01`.
    leads: BTreeMap<String, String>,
    letters: u32,
    /// Requests that wait for a decision.
    asked: HashMap<String, EventId>,
}

/// Registers everybody and plays the story up to now.
pub async fn play(world: &World, sender: Sender, people: &[Person], lang: Lang) -> Outcome<()> {
    let story: Story =
        toml::from_str(STORY).map_err(|fault| StoreError::Unsupported(format!("the demo's story: {fault}")))?;
    let office = world.read(|read| Ok(Arc::clone(&read.office))).await?;
    let now = world.clock.now();
    let mut editions = Vec::new();
    for round in &story.round {
        let due_on = working_days(&office, office.today(now), round.due_in);
        editions.push(Edition::moved(lang, &round.code, round.title.of(lang), due_on)?);
    }
    let moments = moments(&story, &editions, &office, now)?;
    let Some((first, _)) = moments.first() else { return Ok(()) };
    let mut past = world.clone();
    past.clock = Clock::fixed(at(&office, office.today(*first), REGISTERED));
    let mut courier = Courier::new(past.clone(), sender);
    let everybody = people.to_vec();
    past.write(move |tx| settle_in(tx, &Actor::system("demo"), &everybody, lang)).await?;

    let mut rounds: Vec<Played> = story.round.iter().map(|_| Played::default()).collect();
    let editions: Vec<Arc<Edition>> = editions.into_iter().map(Arc::new).collect();
    for (when, moment) in moments {
        wait_until(&past, when)?;
        match moment {
            Moment::Look => {
                reminders::settle(&past, &mut courier).await?;
            }
            Moment::Issue(index) => {
                if let (Some(edition), Some(played)) = (editions.get(index).cloned(), rounds.get_mut(index)) {
                    let issuer = issuer(&edition, people)?;
                    played.leads = past.write(move |tx| publish(tx, &edition, &issuer)).await?;
                }
            }
            Moment::Step(index, step) => {
                if let (Some(edition), Some(played)) = (editions.get(index).cloned(), rounds.get_mut(index)) {
                    one_step(&past, &edition.code, played, &step, lang).await?;
                }
            }
        }
    }
    courier.close().await;
    Ok(())
}

/// What took longer than planned makes the next thing later.
fn wait_until(past: &World, when: Instant) -> Result<(), StoreError> {
    let when = when.max(past.clock.now());
    past.clock.set(when).map_err(|fault| StoreError::Unsupported(format!("the demo's story: {fault}")))
}

/// The coordinator of the unit that issues the notice.
pub fn issuer(edition: &Edition, people: &[Person]) -> Outcome<String> {
    use crate::domain::vocabulary::Role;
    let found = people
        .iter()
        .find(|person| person.unit_code == edition.issued_by && person.roles.contains(&Role::Coordinator))
        .ok_or_else(|| StoreError::Unsupported(format!("the demo has no coordinator of {}", edition.issued_by)))?;
    Ok(found.login.clone())
}

/// Drafts and issues a notice; answers who leads which ticket.
pub fn publish(tx: &mut Tx<'_>, edition: &Edition, login: &str) -> Outcome<BTreeMap<String, String>> {
    let by = actor(tx, login)?;
    edition.draft(tx, &by)?;
    let issued = edition.issue(tx, &by)?;
    let ids: Vec<_> = issued.tickets.iter().map(|ticket| ticket.unit_id).collect();
    let codes: HashMap<_, _> = units::by_ids(tx.conn, &ids)?.into_iter().map(|unit| (unit.id, unit.code)).collect();
    let prefix = format!("{}-", edition.code);
    let end = |reference: &str| reference.strip_prefix(&prefix).unwrap_or(reference).to_owned();
    let lead =
        |ticket: &crate::domain::ticket::Ticket| Some((end(&ticket.reference), codes.get(&ticket.unit_id)?.clone()));
    Ok(issued.tickets.iter().filter_map(lead).collect())
}

/// All that happens before `now`, in order.
fn moments(story: &Story, editions: &[Edition], office: &Office, now: Instant) -> Outcome<Vec<(Instant, Moment)>> {
    debug_assert_eq!(story.round.len(), editions.len());
    let today = office.today(now);
    let mut all = Vec::new();
    let mut days: Vec<NaiveDate> = Vec::new();
    for (index, round) in story.round.iter().enumerate() {
        let issued_on = working_days(office, today, -round.issued_before);
        days.push(issued_on);
        all.push((at(office, issued_on, ISSUED), Moment::Issue(index)));
        for step in &round.step {
            let day = working_days(office, issued_on, step.day);
            all.push((at_local(office.zone, day, step.time), Moment::Step(index, Box::new(step.clone()))));
        }
    }
    let first =
        days.into_iter().min().ok_or_else(|| StoreError::Unsupported("the demo's story is empty".to_owned()))?;
    for day in first.iter_days().take_while(|day| *day <= today).filter(|day| office.calendar.is_working(*day)) {
        all.extend(LOOKS.iter().map(|time| (at(office, day, *time), Moment::Look)));
    }
    // The first look comes with the first issue, else older steps would count as missed.
    let begun = at(office, first, ISSUED);
    all.retain(|(when, _)| *when < now && *when >= begun);
    all.sort_by_key(|(when, _)| *when);
    Ok(all)
}

/// Several tickets of one unit are answered in one letter; everything else is done ticket by ticket.
async fn one_step(past: &World, code: &str, played: &mut Played, step: &Step, lang: Lang) -> Outcome<()> {
    let mut shares: Vec<(String, Vec<String>)> = Vec::new();
    for ticket in &step.tickets {
        let lead = played.leads.get(ticket).cloned().ok_or_else(|| {
            StoreError::Unsupported(format!("the demo's story names {code}-{ticket}, which is no ticket"))
        })?;
        let same = shares.iter_mut().find(|(unit, _)| step.act == Deed::Feedback && *unit == lead);
        match same {
            Some((_, tickets)) => tickets.push(ticket.clone()),
            None => shares.push((lead, vec![ticket.clone()])),
        }
    }
    for (unit, ends) in shares {
        let who = match step.who.as_str() {
            role @ ("liaison" | "leader") => format!("{unit}-{role}"),
            login => login.to_owned(),
        };
        played.letters += u32::from(step.act == Deed::Feedback);
        let share = Share {
            notice: code.to_owned(),
            tickets: ends.iter().map(|end| format!("{code}-{end}")).collect(),
            letter: played.letters,
            asked: ends.first().and_then(|end| played.asked.get(end).copied()),
            unit,
            step: step.clone(),
            lang,
        };
        let asked = past.write(move |tx| share.done_by(tx, &who)).await?;
        if let (Some(id), Some(end)) = (asked, ends.into_iter().next()) {
            played.asked.insert(end, id);
        }
        wait_until(past, past.clock.now().plus(APART))?;
    }
    Ok(())
}

/// One person's share of a step.
struct Share {
    notice: String,
    unit: String,
    tickets: Vec<String>,
    letter: u32,
    asked: Option<EventId>,
    step: Step,
    lang: Lang,
}

impl Share {
    /// Answers the request that was made, if it was one.
    fn done_by(&self, tx: &mut Tx<'_>, who: &str) -> Outcome<Option<EventId>> {
        let by = actor(tx, who)?;
        if self.step.act == Deed::Feedback {
            let letter = self.letter(tx, &by)?;
            submit(tx, &by, &letter)?;
            return Ok(None);
        }
        let mut asked = None;
        for ticket in &self.tickets {
            asked = self.on(tx, &by, ticket)?;
        }
        Ok(asked)
    }

    fn on(&self, tx: &mut Tx<'_>, by: &Actor, ticket: &str) -> Outcome<Option<EventId>> {
        let step = &self.step;
        let (reason, text) = (self.words(&step.reason), self.words(&step.text));
        let today = tx.office.today(tx.now);
        let due_on = step.due_in.map(|days| tx.office.after_working_days(today, days));
        match step.act {
            Deed::Feedback => {}
            Deed::Acknowledge => drop(tickets::acknowledge(tx, by, ticket, None, &by.name)?),
            Deed::Progress => {
                let progress = Progress { text, percent: step.percent, ..Progress::default() };
                tickets::log_progress(tx, by, ticket, None, &progress)?;
            }
            Deed::Accept => drop(tickets::review(tx, by, ticket, None, (Decision::Accept, &reason), None)?),
            Deed::Return => drop(tickets::review(tx, by, ticket, None, (Decision::Return, &reason), due_on)?),
            Deed::Extension => {
                let asked = NewExtension { to: due_on, working_days: None, reason, progress: text };
                return Ok(Some(requests::ask_extension(tx, by, ticket, None, &asked)?.id));
            }
            Deed::DecideExtension => {
                let id =
                    self.asked.ok_or_else(|| StoreError::Unsupported(format!("nothing was asked for {ticket}")))?;
                requests::decide_extension(tx, by, &id.to_string(), None, (true, due_on, &reason))?;
            }
            Deed::Object => {
                let proposed = step.unit.as_deref().unwrap_or_default();
                return Ok(Some(requests::object(tx, by, ticket, None, (&reason, proposed))?.id));
            }
            Deed::LookBackPass => self.look_back(tx, by, ticket, (LookBackOutcome::Pass, None))?,
            Deed::LookBackFail => self.look_back(tx, by, ticket, (LookBackOutcome::Fail, due_on))?,
            Deed::Carry => {
                let milestone = NewMilestone { on: due_on.unwrap_or(today), text };
                tickets::carry(tx, by, ticket, None, (&reason, &[milestone]))?;
            }
            Deed::Urge => drop(tickets::perform(tx, by, ticket, None, Command::Urge { note: Some(text) })?),
            Deed::Cancel => drop(tickets::perform(tx, by, ticket, None, Command::Cancel { reason })?),
        }
        Ok(None)
    }

    fn look_back(
        &self,
        tx: &mut Tx<'_>,
        by: &Actor,
        ticket: &str,
        (outcome, due_on): (LookBackOutcome, Option<NaiveDate>),
    ) -> Outcome<()> {
        let (method, note) = (self.words(&self.step.method), self.words(&self.step.text));
        let found = LookBack { outcome, method, note, evidence: Vec::new(), on: None, due_on };
        tickets::look_back(tx, by, ticket, None, &found)?;
        Ok(())
    }

    fn letter(&self, tx: &mut Tx<'_>, by: &Actor) -> Outcome<NewFeedback> {
        let step = &self.step;
        let completed_on = tx.office.today(tx.now) - chrono::Days::new(step.completed_before.unwrap_or(0));
        let item = |ticket: &String| NewItem {
            ticket: ticket.clone(),
            cause: self.words(&step.cause),
            measures: self.words(&step.measures),
            result: step.result.unwrap_or(WorkResult::Done),
            completed_on: Some(completed_on),
        };
        let leader = actor(tx, &format!("{}-leader", self.unit))?;
        let (code, number) = (&self.notice, self.letter);
        let answers = match &step.answers {
            None => Vec::new(),
            Some(text) => {
                asked(tx, code, by)?.into_iter().map(|code| NewAnswer { code, text: self.words(text) }).collect()
            }
        };
        Ok(NewFeedback {
            notice: code.clone(),
            letter_no: Some(match self.lang {
                Lang::Zh => format!("演示函〔{code}〕{number}号"),
                Lang::En => format!("Demo letter {number} on {code}"),
            }),
            signatory: leader.name,
            items: self.tickets.iter().map(item).collect(),
            answers,
            ..NewFeedback::default()
        })
    }

    fn words(&self, text: &Text) -> String {
        text.of(self.lang).to_owned()
    }
}

/// The codes of the requirements that a notice asks of the actor's unit.
fn asked(tx: &mut Tx<'_>, notice: &str, by: &Actor) -> Outcome<Vec<String>> {
    let Some(row) = notices::find_by_code(tx.conn, notice)? else { return Ok(Vec::new()) };
    let ids: Vec<_> = notices::requirement_units_of(tx.conn, row.id)?
        .into_iter()
        .filter(|(_, unit)| by.is_of(*unit))
        .map(|(requirement, _)| requirement)
        .collect();
    let all = notices::requirements_of(tx.conn, row.id)?;
    Ok(all
        .into_iter()
        .filter(|requirement| ids.contains(&requirement.id))
        .map(|requirement| requirement.code)
        .collect())
}

/// `n` working days after a date, or before it.
fn working_days(office: &Office, from: NaiveDate, n: i32) -> NaiveDate {
    office.calendar.add_working_days(from, n).unwrap_or(from)
}

fn at(office: &Office, date: NaiveDate, (hour, minute): (u32, u32)) -> Instant {
    at_local(office.zone, date, NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_the_story_has_its_words_in_both_languages_and_lies_before_today() {
        let story: Story = toml::from_str(STORY).unwrap();
        assert_eq!(story.round.len(), 2);
        for round in &story.round {
            assert!(round.issued_before + round.due_in > 0, "{} is due before it is issued", round.code);
            for step in &round.step {
                assert!((0..round.issued_before).contains(&step.day), "{}: day {}", round.code, step.day);
                assert!(!step.tickets.is_empty());
                for text in [&step.cause, &step.measures, &step.reason, &step.method, &step.text] {
                    assert_eq!(text.zh.is_empty(), text.en.is_empty());
                }
            }
        }
    }
}
