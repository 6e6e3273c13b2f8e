//! Section 2 of the design once more, in the fewest words: what each act does to a ticket, who may do it, and the status
//! that everybody else gets. It shares no code with the program.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Somebody who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    pub login: &'static str,
    pub unit: &'static str,
    pub role: &'static str,
}

/// A ticket as the design has it; due dates far ahead, so nothing is ever late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub version: i64,
    state: &'static str,
    unit: String,
    co_units: BTreeSet<String>,
    handler: Option<String>,
    pending: Option<&'static str>,
    /// The request that waits, and what it asks for.
    asked: Option<(String, String)>,
    due: String,
    due_version: i64,
    extensions: i64,
    percent: i64,
    cycle: i64,
    failed_again: i64,
    completed_on: Option<String>,
    on_time: Option<bool>,
    result: Option<String>,
    author: Option<&'static str>,
    milestones: Vec<Milestone>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Milestone {
    id: String,
    on: String,
    reported: bool,
    reached: bool,
}

/// An act as it was sent: its name, what it named by id, and its words.
#[derive(Debug, Clone)]
pub struct Act {
    pub name: &'static str,
    /// Of a decision: the request or the milestone.
    pub of: Option<String>,
    pub body: Value,
}

/// What the program made, whose ids nobody can foresee.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Of an extension or an objection.
    pub request: Option<String>,
    /// Of a ticket that is carried.
    pub milestones: Vec<String>,
}

const UNITS_MOVE: [&str; 4] = ["issued", "in_progress", "returned", "carried"];

impl Model {
    pub fn issued(unit: &str, co_units: &[&str], due: &str) -> Self {
        Self {
            version: 1,
            state: "issued",
            unit: unit.to_owned(),
            co_units: co_units.iter().map(|unit| (*unit).to_owned()).collect(),
            handler: None,
            pending: None,
            asked: None,
            due: due.to_owned(),
            due_version: 1,
            extensions: 0,
            percent: 0,
            cycle: 1,
            failed_again: 0,
            completed_on: None,
            on_time: None,
            result: None,
            author: None,
            milestones: Vec::new(),
        }
    }

    pub fn sees(&self, who: Person) -> bool {
        !matches!(who.role, "liaison" | "leader") || who.unit == self.unit || self.co_units.contains(who.unit)
    }

    /// The event that the act leaves on the timeline.
    pub fn event(act: &Act) -> &'static str {
        match act.name {
            "acknowledge" => "ticket.acknowledged",
            "progress" => "ticket.progress_logged",
            "objections" => "ticket.objected",
            "decide_objection" => "ticket.objection_decided",
            "extensions" => "ticket.extension_requested",
            "decide_extension" => "ticket.extension_decided",
            "reassign" => "ticket.reassigned",
            "feedback" => "ticket.submitted",
            "review" if act.body["decision"] == "accept" => "ticket.accepted",
            "review" => "ticket.returned",
            "look-back" if act.body["outcome"] == "pass" => "ticket.look_back_passed",
            "look-back" => "ticket.look_back_failed",
            "carry" => "ticket.carried",
            "milestone" => "ticket.milestone_decided",
            "cancel" => "ticket.cancelled",
            "reopen" => "ticket.reopened",
            "due-date" => "ticket.due_moved",
            "urge" => "ticket.urged",
            "comment" => "ticket.commented",
            other => panic!("{other}"),
        }
    }

    /// The ticket after the act, or the status of the refusal.
    pub fn after(&self, who: Person, act: &Act, version: Option<i64>, made: &Made) -> Result<Self, u16> {
        if act.name == "feedback" {
            match who.role {
                "liaison" | "leader" => {}
                "coordinator" => return Err(422),
                _ => return Err(403),
            }
        }
        // A decision on a request that nobody made.
        let of_nothing = act.name.starts_with("decide_") && act.of.is_none();
        if of_nothing || !self.sees(who) {
            return Err(404);
        }
        if version.is_some_and(|version| version != self.version) {
            return Err(412);
        }
        self.entitled(who, act)?;
        if act.name == "milestone" && !self.milestones.iter().any(|one| Some(&one.id) == act.of.as_ref()) {
            return Err(404);
        }
        if act.name.starts_with("decide_") && self.asked.as_ref().map(|(id, _)| id) != act.of.as_ref() {
            return Err(409);
        }
        self.in_state(act)?;
        let mut next = self.clone();
        next.version += 1;
        next.done(who, act, made)?;
        Ok(next)
    }

    fn entitled(&self, who: Person, act: &Act) -> Result<(), u16> {
        let own = who.unit == self.unit;
        let stranger = !own && self.author != Some(who.login);
        let may = match act.name {
            "acknowledge" => who.role == "liaison" && own,
            "progress" => who.role == "liaison" && (own || self.co_units.contains(who.unit)),
            "objections" => who.role == "leader" && own,
            "extensions" | "feedback" => matches!(who.role, "liaison" | "leader") && own,
            "decide_objection" | "reassign" | "review" | "look-back" | "milestone" => {
                who.role == "coordinator" && stranger
            }
            "carry" | "cancel" | "reopen" | "decide_extension" | "due-date" => who.role == "approver" && stranger,
            "urge" => who.role == "coordinator",
            "comment" => who.role != "viewer",
            other => panic!("{other}"),
        };
        if may { Ok(()) } else { Err(403) }
    }

    fn in_state(&self, act: &Act) -> Result<(), u16> {
        let states: &[&str] = match act.name {
            "acknowledge" | "objections" => &["issued"],
            "progress" => &["in_progress", "returned", "carried"],
            "decide_objection" | "reassign" => &["issued", "in_progress"],
            "extensions" | "feedback" | "due-date" | "urge" => &UNITS_MOVE,
            "decide_extension" => &["issued", "in_progress", "submitted", "returned", "carried"],
            "review" => &["submitted"],
            "look-back" => &["accepted"],
            "carry" => &["in_progress", "returned"],
            "milestone" => &["carried"],
            "cancel" => &["issued", "in_progress", "submitted", "returned", "accepted", "carried"],
            "reopen" => &["closed"],
            "comment" => return Ok(()),
            other => panic!("{other}"),
        };
        let waits = self.milestones.iter().any(|one| one.reported && !one.reached);
        let pending = match act.name {
            "objections" | "extensions" => self.pending.is_none(),
            "decide_objection" => self.pending == Some("objection"),
            "decide_extension" => self.pending == Some("extension"),
            "milestone" => waits,
            _ => true,
        };
        if states.contains(&self.state) && pending { Ok(()) } else { Err(409) }
    }

    fn done(&mut self, who: Person, act: &Act, made: &Made) -> Result<(), u16> {
        let text = |name: &str| act.body[name].as_str().map(str::to_owned);
        match act.name {
            "acknowledge" => {
                self.state = "in_progress";
                self.handler = text("handler");
            }
            "progress" => self.progressed(who, &act.body)?,
            "objections" => {
                let proposed = text("proposed_unit_id").unwrap();
                self.another(&proposed)?;
                self.pending = Some("objection");
                self.asked = Some((made.request.clone().unwrap_or_default(), proposed));
            }
            "decide_objection" => {
                let proposed = self.asked.clone().unwrap().1;
                self.lapse();
                if act.body["uphold"] == true {
                    self.another(&proposed)?;
                    self.hand_to(&proposed);
                }
            }
            "extensions" => {
                let to = text("to").unwrap();
                if to <= self.due {
                    return Err(422);
                }
                self.pending = Some("extension");
                self.asked = Some((made.request.clone().unwrap_or_default(), to));
            }
            "decide_extension" => {
                let to = self.asked.clone().unwrap().1;
                self.lapse();
                if act.body["approve"] == true {
                    if to <= self.due {
                        return Err(422);
                    }
                    self.move_to(&to);
                    self.extensions += 1;
                    self.move_milestones(&to);
                }
            }
            "reassign" => {
                let unit = text("unit_id").unwrap();
                self.another(&unit)?;
                self.hand_to(&unit);
                self.lapse();
            }
            "feedback" => self.filed(who, &act.body["items"][0])?,
            "review" if act.body["decision"] == "accept" => {
                if self.result.as_deref() != Some("done") {
                    return Err(409);
                }
                self.state = "accepted";
                self.lapse();
            }
            "review" | "reopen" => self.sent_back(text("due_on")),
            "look-back" if act.body["outcome"] == "pass" => {
                self.state = "closed";
                self.lapse();
            }
            "look-back" => {
                self.sent_back(text("due_on"));
                self.failed_again += 1;
            }
            "carry" => self.carried(&act.body, made),
            "milestone" => self.decided(act)?,
            "cancel" => {
                self.state = "cancelled";
                self.lapse();
            }
            "due-date" => {
                let to = text("to").unwrap();
                if to == self.due {
                    return Err(422);
                }
                self.move_to(&to);
                self.move_milestones(&to);
                if self.pending == Some("extension") {
                    self.lapse();
                }
            }
            "urge" | "comment" => {}
            other => panic!("{other}"),
        }
        Ok(())
    }

    fn another(&self, unit: &str) -> Result<(), u16> {
        if unit == self.unit { Err(409) } else { Ok(()) }
    }

    fn progressed(&mut self, who: Person, body: &Value) -> Result<(), u16> {
        let own = who.unit == self.unit;
        if let Some(percent) = body["percent"].as_i64() {
            if !own {
                return Err(422);
            }
            self.percent = percent;
        }
        let Some(id) = body["milestone_id"].as_str() else { return Ok(()) };
        if !own || self.state != "carried" {
            return Err(422);
        }
        let found = self.milestones.iter_mut().find(|one| one.id == id && !one.reached).ok_or(422_u16)?;
        found.reported = true;
        Ok(())
    }

    fn filed(&mut self, who: Person, item: &Value) -> Result<(), u16> {
        let completed_on = item["completed_on"].as_str().map(str::to_owned);
        let is_done = item["result"] == "done";
        if is_done && completed_on.is_none() {
            return Err(422);
        }
        if self.state == "issued" {
            self.handler = Some(format!("{} 同志", who.login));
        }
        self.state = "submitted";
        self.author = Some(who.login);
        self.result = item["result"].as_str().map(str::to_owned);
        self.completed_on = completed_on;
        if is_done && self.on_time.is_none() {
            self.on_time = Some(true);
        }
        if self.pending == Some("objection") {
            self.lapse();
        }
        Ok(())
    }

    fn sent_back(&mut self, due: Option<String>) {
        if let Some(due) = due {
            self.move_to(&due);
        }
        self.state = "returned";
        self.cycle += 1;
        self.lapse();
    }

    fn carried(&mut self, body: &Value, made: &Made) {
        let named = body["milestones"].as_array().unwrap();
        let ids = made.milestones.iter().cloned().chain(std::iter::repeat(String::new()));
        self.milestones = named
            .iter()
            .zip(ids)
            .map(|(one, id)| Milestone {
                id,
                on: one["on"].as_str().unwrap().to_owned(),
                reported: false,
                reached: false,
            })
            .collect();
        let first = self.milestones.iter().map(|one| one.on.clone()).min().unwrap();
        self.move_to(&first);
        self.state = "carried";
        self.lapse();
    }

    fn decided(&mut self, act: &Act) -> Result<(), u16> {
        let before = self.earliest().map(|one| one.id.clone());
        let found = self.milestones.iter_mut().find(|one| Some(&one.id) == act.of.as_ref()).ok_or(404_u16)?;
        if !found.reported || found.reached {
            return Err(409);
        }
        if act.body["reached"] == true {
            found.reached = true;
        } else {
            found.reported = false;
        }
        let next = self.earliest().filter(|one| Some(&one.id) != before.as_ref()).map(|one| one.on.clone());
        if let Some(on) = next.filter(|on| *on != self.due) {
            self.move_to(&on);
            if self.pending == Some("extension") {
                self.lapse();
            }
        }
        Ok(())
    }

    fn earliest(&self) -> Option<&Milestone> {
        self.milestones.iter().filter(|one| !one.reached).min_by_key(|one| one.on.clone())
    }

    /// A carried ticket's date is its next milestone's.
    fn move_milestones(&mut self, to: &str) {
        if self.state != "carried" {
            return;
        }
        let Some(earliest) = self.earliest().map(|one| one.id.clone()) else { return };
        for one in self.milestones.iter_mut().filter(|one| !one.reached) {
            if one.id == earliest || one.on.as_str() < to {
                to.clone_into(&mut one.on);
            }
        }
    }

    fn move_to(&mut self, due: &str) {
        if self.due != due {
            due.clone_into(&mut self.due);
            self.due_version += 1;
        }
    }

    fn lapse(&mut self) {
        (self.pending, self.asked) = (None, None);
    }

    fn hand_to(&mut self, unit: &str) {
        unit.clone_into(&mut self.unit);
        self.co_units.remove(unit);
        self.state = "issued";
        self.handler = None;
        self.percent = 0;
    }

    /// The same facts as the program's row tells them.
    pub fn row(&self) -> Value {
        let milestones = |carried: bool| {
            let told = self.milestones.iter().filter(|_| carried);
            told.map(|one| json!([one.id, one.on, one.reported, one.reached])).collect::<Vec<_>>()
        };
        json!({
            "version": self.version, "state": self.state, "unit": self.unit, "co_units": self.co_units,
            "handler": self.handler, "pending": self.pending, "due_on": self.due, "due_version": self.due_version,
            "extensions": self.extensions, "percent": self.percent, "cycle": self.cycle,
            "failed_again": self.failed_again, "completed_on": self.completed_on, "on_time": self.on_time,
            "milestones": milestones(self.state == "carried"),
        })
    }
}

/// Those facts out of a row as the program answered it.
pub fn facts(row: &Value) -> Value {
    let mut co_units: Vec<&str> =
        row["co_units"].as_array().unwrap().iter().map(|unit| unit["code"].as_str().unwrap()).collect();
    co_units.sort_unstable();
    let is_carried = row["state"] == "carried";
    let milestones = row["milestones"].as_array().unwrap().iter().filter(|_| is_carried);
    let milestones = milestones
        .map(|one| json!([one["id"], one["on"], !one["reported_at"].is_null(), !one["reached_at"].is_null()]));
    let mut facts =
        json!({"co_units": co_units, "unit": row["unit"]["code"], "milestones": milestones.collect::<Vec<_>>()});
    for name in [
        "version",
        "state",
        "handler",
        "pending",
        "due_on",
        "due_version",
        "extensions",
        "percent",
        "cycle",
        "failed_again",
        "completed_on",
        "on_time",
    ] {
        facts[name] = row[name].clone();
    }
    facts
}
