//! Who is told: the people of units and of the office by role, their deputies, else the unit's mailbox. Read as they are
//! now, both when a reminder is planned and again before its mail leaves.

use crate::domain::id::{NoticeId, RequirementId, UnitId, UserId};
use crate::domain::reminder::Told;
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::store::schema::users;
use crate::store::units::{self, UnitRow};
use crate::store::{Conn, MultiBackend, StoreResult, notices, page};
use chrono::NaiveDate;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

const IDS: usize = 1_000;

/// One address to write to, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// `user:<id>`, `unit:<id>` or `backup:<id>`: what the ledger knows them by, whatever their address.
    pub key: String,
    pub user_id: Option<UserId>,
    /// The unit they are told for; of the office's people their own.
    pub unit_id: Option<UnitId>,
    pub name: String,
    pub address: String,
    pub lang: Lang,
}

/// One who is told, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    pub told: Told,
    pub copy: bool,
    pub to: Recipient,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(MultiBackend))]
struct Person {
    id: UserId,
    name: String,
    email: Option<String>,
    unit_id: Option<UnitId>,
    roles: String,
    locale: String,
    active: bool,
    service: bool,
    deputy_id: Option<UserId>,
    deputy_from: Option<NaiveDate>,
    deputy_to: Option<NaiveDate>,
}

/// Units that have to do with a subject. Of the office itself none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    pub lead: Option<UnitId>,
    pub co: Vec<UnitId>,
    /// The unit that led before a reassignment, or whose mail is refused.
    pub other: Option<UnitId>,
    /// A notice's units that have not answered.
    pub unanswered: Vec<UnitId>,
}

impl Parties {
    /// All of them; some may stand twice.
    pub fn units(&self) -> impl Iterator<Item = UnitId> {
        self.lead.iter().chain(&self.co).chain(&self.other).chain(&self.unanswered).copied()
    }
}

/// Units and people as they are on one day.
#[derive(Debug)]
pub struct Roster {
    today: NaiveDate,
    /// Language of those that have none of their own.
    lang: Lang,
    units: HashMap<UnitId, UnitRow>,
    /// Active people with an account of their own, by unit, in the order of logins.
    people: HashMap<UnitId, Vec<Person>>,
    coordinators: Vec<Person>,
    deputies: HashMap<UserId, Person>,
}

/// Are the office's coordinators asked for? They are looked for among all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinators {
    Asked,
    NotAsked,
}

impl Roster {
    /// Reads these units, their parents and all their people.
    pub fn load(
        conn: &mut Conn,
        units: impl IntoIterator<Item = UnitId>,
        coordinators: Coordinators,
        (today, lang): (NaiveDate, Lang),
    ) -> StoreResult<Self> {
        Self::load_with(conn, units, coordinators, (today, lang), |person| person.deputy_on(today))
    }

    /// The same, with the deputies of any day; see `on`.
    pub fn load_for_any_day(
        conn: &mut Conn,
        units: impl IntoIterator<Item = UnitId>,
        (today, lang): (NaiveDate, Lang),
    ) -> StoreResult<Self> {
        Self::load_with(conn, units, Coordinators::Asked, (today, lang), |person| person.deputy_id)
    }

    /// As it is on another day.
    #[must_use]
    pub fn on(&mut self, day: NaiveDate) -> &Self {
        self.today = day;
        self
    }

    fn load_with(
        conn: &mut Conn,
        units: impl IntoIterator<Item = UnitId>,
        coordinators: Coordinators,
        (today, lang): (NaiveDate, Lang),
        deputy: impl Fn(&Person) -> Option<UserId>,
    ) -> StoreResult<Self> {
        let asked: HashSet<UnitId> = units.into_iter().collect();
        let mut rows = units_of(conn, &asked.into_iter().collect::<Vec<_>>())?;
        let parents: HashSet<UnitId> = rows.iter().filter_map(|row| row.parent_id).collect();
        let missing: Vec<UnitId> = parents.into_iter().filter(|id| rows.iter().all(|row| row.id != *id)).collect();
        rows.extend(units_of(conn, &missing)?);
        let ids: Vec<UnitId> = rows.iter().map(|row| row.id).collect();
        let people = people_of(conn, &ids)?;
        let coordinators = match coordinators {
            Coordinators::Asked => with_role(conn, Role::Coordinator)?,
            Coordinators::NotAsked => Vec::new(),
        };
        let deputies: Vec<UserId> = people.iter().chain(&coordinators).filter_map(deputy).collect();
        let deputies = persons(conn, &deputies)?;
        let mut by_unit: HashMap<UnitId, Vec<Person>> = HashMap::new();
        for person in people {
            if let Some(unit) = person.unit_id {
                by_unit.entry(unit).or_default().push(person);
            }
        }
        Ok(Self {
            today,
            lang,
            units: rows.into_iter().map(|row| (row.id, row)).collect(),
            people: by_unit,
            coordinators,
            deputies: deputies.into_iter().map(|person| (person.id, person)).collect(),
        })
    }

    #[must_use]
    pub fn unit(&self, id: UnitId) -> Option<&UnitRow> {
        self.units.get(&id)
    }

    /// Those who are told as `told` of a subject with these parties. Nobody twice.
    #[must_use]
    pub fn told(&self, told: Told, parties: &Parties) -> Vec<Recipient> {
        let mut all: Vec<Recipient> = match told {
            Told::Liaison => parties.lead.into_iter().flat_map(|unit| self.liaisons(unit)).collect(),
            Told::Leader => parties.lead.into_iter().flat_map(|unit| self.leaders(unit)).collect(),
            Told::CoUnits => parties.co.iter().flat_map(|unit| self.liaisons(*unit)).collect(),
            Told::ParentLeader => {
                let parent = parties.lead.and_then(|unit| self.units.get(&unit)?.parent_id);
                parent.into_iter().flat_map(|unit| self.leaders(unit)).collect()
            }
            Told::Coordinators => {
                self.coordinators.iter().filter_map(|person| self.reached(person, person.unit_id)).collect()
            }
            Told::UnansweredLiaisons => parties.unanswered.iter().flat_map(|unit| self.liaisons(*unit)).collect(),
            Told::FormerUnit => parties
                .other
                .into_iter()
                .flat_map(|unit| self.liaisons(unit).into_iter().chain(self.leaders(unit)))
                .collect(),
            Told::Fallback => parties
                .other
                .into_iter()
                .flat_map(|unit| self.second_mailbox(unit).into_iter().chain(self.leaders(unit)))
                .collect(),
        };
        let mut seen = HashSet::new();
        all.retain(|one| seen.insert(one.key.clone()));
        all
    }

    /// Those who are told in any of these roles. One line per address: of two roles, or two accounts, the first stays.
    #[must_use]
    pub fn addressed(&self, roles: &[(Told, bool)], parties: &Parties) -> Vec<Addressed> {
        let told = roles.iter().flat_map(|(told, copy)| {
            self.told(*told, parties).into_iter().map(|to| Addressed { told: *told, copy: *copy, to })
        });
        let mut seen = HashSet::new();
        told.filter(|one| seen.insert(one.to.address.to_lowercase())).collect()
    }

    /// The unit's liaisons that can be reached, else its mailbox, else its second one.
    fn liaisons(&self, unit: UnitId) -> Vec<Recipient> {
        let people = self.in_role(unit, Role::Liaison);
        if people.is_empty() {
            self.mailbox(unit).or_else(|| self.second_mailbox(unit)).into_iter().collect()
        } else {
            people
        }
    }

    fn leaders(&self, unit: UnitId) -> Vec<Recipient> {
        self.in_role(unit, Role::Leader)
    }

    fn in_role(&self, unit: UnitId, role: Role) -> Vec<Recipient> {
        let people = self.people.get(&unit).into_iter().flatten();
        people.filter(|person| person.has(role)).filter_map(|person| self.reached(person, Some(unit))).collect()
    }

    /// This person, or their deputy while one is named and can be reached.
    fn reached(&self, person: &Person, unit: Option<UnitId>) -> Option<Recipient> {
        let deputy = person.deputy_on(self.today).and_then(|id| self.deputies.get(&id));
        let deputy = deputy.filter(|deputy| deputy.is_reachable());
        let who = deputy.unwrap_or(person);
        Some(Recipient {
            key: format!("user:{}", who.id),
            user_id: Some(who.id),
            unit_id: unit,
            name: who.name.clone(),
            address: address(who.email.as_deref())?,
            lang: who.locale.parse().unwrap_or(self.lang),
        })
    }

    fn mailbox(&self, unit: UnitId) -> Option<Recipient> {
        self.units.get(&unit).and_then(|row| self.box_of(row, "unit", row.mailbox.as_deref()))
    }

    fn second_mailbox(&self, unit: UnitId) -> Option<Recipient> {
        self.units.get(&unit).and_then(|row| self.box_of(row, "backup", row.backup_mailbox.as_deref()))
    }

    fn box_of(&self, row: &UnitRow, kind: &str, at: Option<&str>) -> Option<Recipient> {
        Some(Recipient {
            key: format!("{kind}:{}", row.id),
            user_id: None,
            unit_id: Some(row.id),
            name: row.called(self.lang).to_owned(),
            address: address(at)?,
            lang: self.lang,
        })
    }
}

impl UnitRow {
    /// Its name in the reader's language; the Chinese one where it has no other.
    #[must_use]
    pub fn called(&self, lang: Lang) -> &str {
        let name = lang.pick(&self.name, &self.name_en);
        if name.trim().is_empty() { &self.name } else { name }
    }
}

impl Person {
    fn has(&self, role: Role) -> bool {
        self.roles.split(' ').any(|word| word == role.as_str())
    }

    fn is_reachable(&self) -> bool {
        self.active && !self.service && address(self.email.as_deref()).is_some()
    }

    /// Who is named to stand in on that day, both ends included.
    fn deputy_on(&self, today: NaiveDate) -> Option<UserId> {
        let begun = self.deputy_from.is_none_or(|from| from <= today);
        let lasts = self.deputy_to.is_none_or(|to| today <= to);
        self.deputy_id.filter(|_| begun && lasts)
    }
}

/// Units that a notice's requirements ask and that have not answered all of them, each with how many are open.
pub fn unanswered(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<(UnitId, u32)>> {
    let answered: HashSet<(RequirementId, UnitId)> = notices::answered(conn, notice)?.into_iter().collect();
    let mut open: BTreeMap<UnitId, u32> = BTreeMap::new();
    for asked in notices::requirement_units_of(conn, notice)? {
        if !answered.contains(&asked) {
            *open.entry(asked.1).or_default() += 1;
        }
    }
    Ok(open.into_iter().collect())
}

fn address(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn units_of(conn: &mut Conn, ids: &[UnitId]) -> StoreResult<Vec<UnitRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS) {
        rows.extend(units::by_ids(conn, chunk)?);
    }
    Ok(rows)
}

fn people_of(conn: &mut Conn, units: &[UnitId]) -> StoreResult<Vec<Person>> {
    let mut people = Vec::new();
    for chunk in units.chunks(IDS) {
        let found: Vec<Person> = users::table
            .filter(users::unit_id.eq_any(chunk.iter().copied().map(Some).collect::<Vec<_>>()))
            .filter(users::active.eq(true))
            .filter(users::service.eq(false))
            .order(users::login.asc())
            .select(Person::as_select())
            .load(conn)?;
        people.extend(found);
    }
    Ok(people)
}

fn with_role(conn: &mut Conn, role: Role) -> StoreResult<Vec<Person>> {
    let people: Vec<Person> = users::table
        .filter(users::active.eq(true))
        .filter(users::service.eq(false))
        .filter(users::roles.like(page::contains(role.as_str())).escape('\\'))
        .order(users::login.asc())
        .select(Person::as_select())
        .load(conn)?;
    Ok(people.into_iter().filter(|person| person.has(role)).collect())
}

fn persons(conn: &mut Conn, ids: &[UserId]) -> StoreResult<Vec<Person>> {
    let mut people = Vec::new();
    for chunk in ids.chunks(IDS) {
        let found: Vec<Person> =
            users::table.filter(users::id.eq_any(chunk.to_vec())).select(Person::as_select()).load(conn)?;
        people.extend(found);
    }
    Ok(people)
}
