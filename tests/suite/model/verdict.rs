//! Was it all right? The timelines are replayed through the model, and everything that was answered is held against it.

use super::reference::{Made, Model, facts};
use super::{DUE, Entry, PEOPLE, TICKETS};
use crate::support::app::TestApp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// A ticket's life as its timeline tells it: the event of each version, and the model after it.
struct Life {
    events: Vec<Value>,
    /// By version, from 1.
    models: Vec<Model>,
    /// The moments between which each version came to be.
    since: Vec<(u64, u64)>,
}

/// How many acts took effect; or what is wrong.
pub fn judge(app: &TestApp, log: &[Entry]) -> Result<usize, String> {
    let mut acts = 0;
    for (ticket, (reference, ..)) in TICKETS.iter().enumerate() {
        let life = life(app, log, ticket)?;
        acts += life.models.len() - 1;
        for entry in log.iter().filter(|entry| entry.ticket == ticket) {
            held_against(&life, entry)?;
        }
        let read = app.by("viewer").get(&format!("/api/v1/tickets/{reference}")).is(200).json();
        let last = life.models.last().ok_or("no life")?;
        if facts(&read) != last.row() {
            return Err(format!("the row is {}\nthe timeline says {}", facts(&read), last.row()));
        }
    }
    figures(app)?;
    let proof = app.by("viewer").get("/api/v1/audit/verify").is(200).json();
    if proof["whole"] != true {
        return Err(format!("the record is broken: {proof}"));
    }
    Ok(acts)
}

/// The version that an answer of 2xx speaks of.
fn version_of(entry: &Entry, letters: &HashMap<String, i64>) -> Option<i64> {
    let act = entry.act.as_ref().filter(|_| entry.status < 300)?;
    if act.name == "feedback" {
        return letters.get(entry.body["id"].as_str()?).copied();
    }
    entry.body["version"].as_i64().or_else(|| entry.body["ticket"]["version"].as_i64())
}

fn life(app: &TestApp, log: &[Entry], ticket: usize) -> Result<Life, String> {
    let (reference, lead, co_units) = TICKETS[ticket];
    let events = events(app, reference);
    let letter = |event: &Value| Some((event["payload"]["feedback_id"].as_str()?.to_owned(), event["seq"].as_i64()?));
    let letters: HashMap<String, i64> = events.iter().filter_map(letter).collect();
    let mut done: BTreeMap<i64, &Entry> = BTreeMap::new();
    for entry in log.iter().filter(|entry| entry.ticket == ticket && entry.act.is_some() && entry.status < 300) {
        let Some(version) = version_of(entry, &letters) else {
            return Err(format!("{} is on no timeline", line(entry)));
        };
        if let Some(other) = done.insert(version, entry) {
            return Err(format!("{} and {} both made version {version}", line(other), line(entry)));
        }
    }
    let mut life = Life { models: vec![Model::issued(lead, co_units, DUE)], since: vec![(0, 0)], events };
    if life.events.len() != done.len() + 1 {
        return Err(format!("{reference}: {} events, {} answers of success", life.events.len(), done.len() + 1));
    }
    for (event, number) in life.events.clone().iter().zip(1_i64..).skip(1) {
        let entry = *done.get(&number).ok_or_else(|| format!("{reference}: event {number} was answered to nobody"))?;
        let act = entry.act.as_ref().ok_or("a look")?;
        let told = (event["seq"].as_i64(), event["act"].as_str(), event["actor"]["name"].as_str());
        let wanted = (Some(number), Some(Model::event(act)), Some(format!("{} 同志", entry.who.login)));
        if told != (wanted.0, wanted.1, wanted.2.as_deref()) {
            return Err(format!("event {number} is {told:?}, and {} was answered", line(entry)));
        }
        let before = life.models.last().ok_or("no life")?;
        if let Some(version) = entry.version.filter(|version| *version != before.version) {
            return Err(format!("a lost update: {} was made from {version}, and became {number}", line(entry)));
        }
        let after = before
            .after(entry.who, act, entry.version, &made(entry))
            .map_err(|status| format!("{} was done; the model answers {status} at {}", line(entry), before.row()))?;
        if act.name != "feedback" {
            let row = entry.body.get("ticket").unwrap_or(&entry.body);
            if facts(row) != after.row() {
                return Err(format!("{} answered {}\nthe model has {}", line(entry), facts(row), after.row()));
            }
        }
        life.models.push(after);
        life.since.push((entry.from, entry.to));
    }
    Ok(life)
}

fn made(entry: &Entry) -> Made {
    let row = entry.body.get("ticket").unwrap_or(&entry.body);
    let milestones = row["milestones"].as_array().into_iter().flatten();
    Made {
        request: entry.body["id"].as_str().map(str::to_owned),
        milestones: milestones.filter_map(|one| one["id"].as_str().map(str::to_owned)).collect(),
    }
}

fn events(app: &TestApp, reference: &str) -> Vec<Value> {
    let viewer = app.by("viewer");
    let mut events = Vec::new();
    let mut query = "limit=200".to_owned();
    loop {
        let page = viewer.get(&format!("/api/v1/tickets/{reference}/events?{query}")).is(200).json();
        events.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next"].as_str() else { return events };
        query = format!("limit=200&cursor={next}");
    }
}

/// A refusal, or a row that was read, must have been right at some moment between question and answer.
fn held_against(life: &Life, entry: &Entry) -> Result<(), String> {
    let busy = entry.status == 503;
    let done = entry.act.is_some() && entry.status < 300;
    if busy || done {
        return Ok(());
    }
    // The newest version that was answered before the question, and the newest that was asked for before the answer.
    let first = life.since.iter().rposition(|(_, to)| *to <= entry.from).unwrap_or(0);
    let last = life.since.iter().rposition(|(from, _)| *from <= entry.to).unwrap_or(0);
    let possible = life.models.iter().take(last + 1).skip(first);
    let fits = |model: &Model| match &entry.act {
        Some(act) => model.after(entry.who, act, entry.version, &Made::default()).err() == Some(entry.status),
        None if entry.status == 404 => !model.sees(entry.who),
        None => model.sees(entry.who) && facts(&entry.body) == model.row(),
    };
    if possible.clone().any(fits) {
        return Ok(());
    }
    let rows: Vec<String> = possible.map(|model| model.row().to_string()).collect();
    Err(format!("{} was never right; it was\n{}\nand the answer {}", line(entry), rows.join("\n"), entry.body))
}

/// Each figure of the desk is the length of the list behind it.
fn figures(app: &TestApp) -> Result<(), String> {
    for login in ["coordinator", "viewer", "liaison", "liaison2"] {
        let client = app.by(login);
        let overview = client.get("/api/v1/overview").is(200).json();
        let groups = ["counts", "by_state", "by_light"].iter().filter_map(|name| overview[*name].as_object());
        for (name, figure) in groups.flatten() {
            let href = figure["href"].as_str().unwrap();
            if href.starts_with("/api/v1/messages") {
                continue;
            }
            let total = client.get(&format!("{href}&count=true")).is(200).json()["total"].clone();
            if total != figure["count"] {
                return Err(format!("{login}: {name} is {}, its list has {total}", figure["count"]));
            }
        }
    }
    Ok(())
}

fn line(entry: &Entry) -> String {
    let who = entry.who.login;
    let reference = TICKETS[entry.ticket].0;
    let version = entry.version.map(|version| format!(" if {version}")).unwrap_or_default();
    match &entry.act {
        Some(act) => format!("{reference} {who} {} {}{version} -> {}", act.name, act.body, entry.status),
        None => format!("{reference} {who} looks -> {}", entry.status),
    }
}

/// All acts as they took effect, ticket by ticket; the refused ones where they were answered.
pub fn told(log: &[Entry]) -> String {
    let mut acts: Vec<&Entry> = log.iter().filter(|entry| entry.act.is_some()).collect();
    let version = |entry: &Entry| entry.body["version"].as_i64().or_else(|| entry.body["ticket"]["version"].as_i64());
    acts.sort_by_key(|entry| (entry.ticket, entry.to));
    let mut text = format!("{} people\n", PEOPLE.len());
    for entry in acts {
        let version = version(entry).filter(|_| entry.status < 300);
        let _ = writeln!(
            text,
            "[{}-{}] {}{}",
            entry.from,
            entry.to,
            line(entry),
            version.map_or_else(String::new, |version| format!(" = {version}"))
        );
    }
    text
}
