//! Installations to measure: units with their people, notices, tickets. Made through the product's own store, once.

use crate::{Done, place};
use chrono::{Days, NaiveDate, TimeDelta};
use diesel::connection::SimpleConnection;
use rectify::actions::tokens::{self, NewToken};
use rectify::clock::Ids;
use rectify::domain::actor::Actor;
use rectify::domain::id::{FindingId, NoticeId, TicketId, UnitId, UserId};
use rectify::domain::instant::Instant;
use rectify::domain::office::Office;
use rectify::domain::reminder::{Facts, ReminderState, Rule, Subject};
use rectify::domain::ticket::{Due, NewTicket, Ticket};
use rectify::domain::vocabulary::{LookBackPolicy, NoticeState, Part, Role, Severity, State, UnitKind};
use rectify::installation::{Installation, Place, Purpose};
use rectify::store::ledger::{self, Cause, ReminderRow};
use rectify::store::notices::{self, FindingRow, NoticeRow};
use rectify::store::schema;
use rectify::store::tickets::{self, TicketRow};
use rectify::store::units::UnitRow;
use rectify::store::users::UserRow;
use rectify::store::{Conn, DatabaseSettings, connect, insert_all, sandbox};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Wednesday, half an hour into the office's window. Every installation is a sandbox whose clock stands here, so that
/// a run says the same at night and on Sundays.
pub const NOW: &str = "2026-06-10T09:00:00+08:00";
/// Raise it when what is made changes.
const EDITION: u32 = 2;
/// Tickets of one transaction, and of one notice.
const CHUNK: usize = 10_000;
const NOTICE: usize = 1_000;
const READY: &str = "bench.json";

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub units: usize,
    /// Each unit has a leader beside its liaison.
    pub leaders: bool,
    pub tickets: usize,
    /// Tickets that are due on this day, of which the step of the morning has come.
    pub due: usize,
    /// Tickets that are overdue; nothing is owed of them now.
    pub overdue: usize,
    /// A notice `N1` that is ready to be issued, with one finding for all units.
    pub draft: bool,
}

/// An installation on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Made {
    pub dir: PathBuf,
    /// Of a coordinator.
    pub coordinator: String,
    /// Of the liaisons of the first units.
    pub liaisons: Vec<String>,
    /// References of the first tickets; the nth belongs to the nth unit.
    pub references: Vec<String>,
}

/// The installation of that size, made now if it is not there yet.
pub fn prepared(size: Size) -> Done<Made> {
    let Size { units, leaders, tickets, due, overdue, draft } = size;
    let people = if leaders { "leaders" } else { "liaisons" };
    let kind = if draft { "-draft" } else { "" };
    let name = format!("e{EDITION}-{units}-{people}-{tickets}-{due}-{overdue}{kind}");
    let dir = place::root().join("data").join(name);
    if let Ok(text) = fs::read_to_string(dir.join(READY)) {
        return Ok(serde_json::from_str(&text)?);
    }
    drop(fs::remove_dir_all(&dir));
    if tickets > 200_000 {
        println!("  making {tickets} tickets in {} …", dir.display());
    }
    let made = make(&dir, size)?;
    fs::write(dir.join(READY), serde_json::to_string(&made)?)?;
    Ok(made)
}

/// Opens one that is there, with settings that differ.
pub fn open(dir: &Path, settings: &[(&'static str, String)]) -> Done<Installation> {
    opened(dir, settings, Purpose::Use)
}

fn opened(dir: &Path, settings: &[(&'static str, String)], purpose: Purpose) -> Done<Installation> {
    let place = Place { data_dir: dir.to_owned(), overrides: settings.to_vec() };
    let config = place.config().map_err(|fault| format!("{fault:?}"))?;
    Ok(Installation::open(&place, config, purpose).map_err(|fault| format!("{fault:?}"))?)
}

/// The bare database of an installation that nobody has open.
pub fn bare(dir: &Path) -> Done<Conn> {
    Ok(connect(&DatabaseSettings::new(format!("sqlite:{}", dir.join("rectify.db").display())))?)
}

/// Moves the clock of a sandbox that nobody has open.
pub fn set_clock(dir: &Path, at: Instant) -> Done<()> {
    Ok(sandbox::set_clock(&mut bare(dir)?, at)?)
}

/// What the making needs.
struct Maker {
    conn: Conn,
    ids: Ids,
    now: Instant,
    office: Arc<Office>,
    rules: Arc<[Rule]>,
}

fn make(dir: &Path, size: Size) -> Done<Made> {
    let now: Instant = NOW.parse()?;
    let installation = opened(dir, &[], Purpose::Demo)?;
    let (office, rules) =
        installation.world.read_now(|read| Ok((Arc::clone(&read.office), Arc::clone(&read.rules))))?;
    drop(installation);
    let mut maker = Maker { conn: bare(dir)?, ids: Ids::system(), now, office, rules };
    maker.conn.batch_execute("PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000; PRAGMA wal_autocheckpoint=100000")?;
    let (coordinator, liaisons, units) = maker.everybody(size)?;
    let references = maker.tickets(size, &units)?;
    if size.draft {
        maker.draft(&units)?;
    }
    sandbox::set_clock(&mut maker.conn, now)?;
    sandbox::finish(&mut maker.conn)?;
    ledger::first_tick_or(&mut maker.conn, now.minus(TimeDelta::days(100)))?;
    ledger::note_look(&mut maker.conn, now.minus(TimeDelta::minutes(1)))?;
    ledger::set_office_next(&mut maker.conn, now.plus(TimeDelta::days(3)))?;
    maker.conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(maker);
    let world = open(dir, &[])?.world;
    let token = |user: UserId| {
        world.write_now(move |tx| {
            let new = NewToken { name: "bench".to_owned(), ..NewToken::default() };
            Ok(tokens::create(tx, &Actor::system("bench"), user, new)?.secret)
        })
    };
    let coordinator = token(coordinator)?;
    let liaisons = liaisons.into_iter().take(64).map(token).collect::<Result<_, _>>()?;
    Ok(Made { dir: dir.to_owned(), coordinator, liaisons, references })
}

impl Maker {
    fn today(&self) -> NaiveDate {
        self.office.today(self.now)
    }

    fn together<T>(&mut self, f: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        self.conn.batch_execute("BEGIN")?;
        let made = f(self)?;
        self.conn.batch_execute("COMMIT")?;
        Ok(made)
    }

    /// A coordinator, the liaisons and the units that they belong to.
    fn everybody(&mut self, size: Size) -> Done<(UserId, Vec<UserId>, Vec<UnitId>)> {
        let office = self.unit("office", UnitKind::Office);
        let units: Vec<UnitRow> = (0..size.units).map(|n| self.unit(&format!("u{n:05}"), UnitKind::District)).collect();
        let coordinator = self.person("coordinator", &office, Role::Coordinator);
        let liaisons: Vec<UserRow> =
            units.iter().map(|unit| self.person(&format!("l-{}", unit.code), unit, Role::Liaison)).collect();
        let leaders: Vec<UserRow> = units
            .iter()
            .filter(|_| size.leaders)
            .map(|unit| self.person(&format!("c-{}", unit.code), unit, Role::Leader))
            .collect();
        let answer =
            (coordinator.id, liaisons.iter().map(|one| one.id).collect(), units.iter().map(|one| one.id).collect());
        self.together(|maker| {
            insert_all!(&mut maker.conn, schema::units::table, &[vec![office], units].concat())?;
            insert_all!(&mut maker.conn, schema::users::table, &[vec![coordinator], liaisons, leaders].concat())?;
            Ok(answer)
        })
    }

    fn unit(&self, code: &str, kind: UnitKind) -> UnitRow {
        UnitRow {
            id: self.ids.draw(self.now),
            code: code.to_owned(),
            name: format!("第{code}单位人民政府"),
            short_name: code.to_owned(),
            name_en: format!("Unit {code}"),
            kind,
            parent_id: None,
            mailbox: None,
            backup_mailbox: None,
            active: true,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        }
    }

    fn person(&self, login: &str, unit: &UnitRow, role: Role) -> UserRow {
        UserRow {
            name: format!("张伟{login}"),
            email: Some(format!("{login}@example.cn")),
            unit_id: Some(unit.id),
            roles: UserRow::join_roles(&[role]),
            ..UserRow::new(self.ids.draw(self.now), login, self.now)
        }
    }

    fn tickets(&mut self, size: Size, units: &[UnitId]) -> Done<Vec<String>> {
        let mut references = Vec::new();
        let mut notice = None;
        let mut next_of: HashMap<NaiveDate, Option<Instant>> = HashMap::new();
        for begin in (0..size.tickets).step_by(CHUNK) {
            let numbers = begin..(begin + CHUNK).min(size.tickets);
            let (mut rows, mut findings, mut issued, mut past) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for n in numbers {
                if n % NOTICE == 0 {
                    let row = self.notice(&format!("B{:04}", n / NOTICE), NoticeState::Issued);
                    notice = Some((row.id, row.code.clone()));
                    issued.push(row);
                }
                let Some((notice_id, code)) = &notice else { continue };
                let finding = self.finding(*notice_id, n % NOTICE);
                let reference = format!("{code}-{}-01", finding.code);
                // Shifted from round to round, so that what comes at regular distances falls on all units.
                let unit = units.get((n + n / size.units * 13) % size.units).copied().ok_or("no units")?;
                let row = self.ticket(size, n, (reference, *notice_id, finding.id, unit), &mut next_of);
                if row.due_on == self.today() {
                    past.extend(self.told(&row));
                }
                if references.len() < 64 {
                    references.push(row.reference.clone());
                }
                findings.push(finding);
                rows.push(row);
            }
            let parties: Vec<(TicketId, UnitId, Part)> =
                rows.iter().map(|row| (row.id, row.unit_id, Part::Lead)).collect();
            self.together(|maker| {
                insert_all!(&mut maker.conn, schema::notices::table, &issued)?;
                insert_all!(&mut maker.conn, schema::findings::table, &findings)?;
                tickets::insert_all(&mut maker.conn, &rows, &parties)?;
                ledger::insert_new(&mut maker.conn, &past)?;
                Ok(())
            })?;
        }
        Ok(references)
    }

    /// The `n`th ticket: due today, overdue, or due between two weeks and three months ahead; these kinds are mixed evenly.
    fn ticket(
        &self,
        size: Size,
        n: usize,
        (reference, notice_id, finding_id, unit_id): (String, NoticeId, FindingId, UnitId),
        next_of: &mut HashMap<NaiveDate, Option<Instant>>,
    ) -> TicketRow {
        let issued_at = self.now.minus(TimeDelta::days(60));
        let part = |of: usize| (n + 1) * of / size.tickets > n * of / size.tickets;
        let days = |days: usize| Days::new(u64::try_from(days).unwrap_or(0));
        let is_due = part(size.due);
        let is_overdue = !is_due && part(size.due + size.overdue);
        let on = match (is_due, is_overdue) {
            (true, _) => self.today(),
            (false, true) => self.today() - days(1 + n % 40),
            (false, false) => self.today() + days(14 + n % 90),
        };
        let new = NewTicket {
            id: self.ids.draw(self.now),
            reference,
            notice_id,
            finding_id,
            unit_id,
            co_unit_ids: Vec::new(),
            severity: if n.is_multiple_of(4) { Severity::Prominent } else { Severity::General },
            look_back: LookBackPolicy::All,
            due: Due::first(on, self.office.late_at(on), false, issued_at),
        };
        let ticket = Ticket {
            state: State::InProgress,
            handler: Some("李芳".to_owned()),
            acknowledged_at: Some(issued_at.plus(TimeDelta::hours(3))),
            version: 0,
            ..Ticket::issued(new, issued_at)
        };
        let next_reminder_at = if is_due {
            Some(self.now.minus(TimeDelta::minutes(30)))
        } else if is_overdue {
            Some(self.now.plus(TimeDelta::days(1)))
        } else {
            *next_of.entry(on).or_insert_with(|| {
                let facts = Facts::of_ticket(&ticket, self.office.zone, issued_at);
                self.office.planner(&self.rules).next_at(&facts, self.now)
            })
        };
        TicketRow { next_reminder_at, ..TicketRow::new(&ticket, TITLE) }
    }

    /// The steps before the due day, told when they came.
    fn told(&self, row: &TicketRow) -> Vec<ReminderRow> {
        let before = self.rules.iter().filter(|rule| rule.code.starts_with("before-"));
        let told = before.map(|rule| {
            let at = self.now.minus(TimeDelta::days(7));
            let cause = Cause {
                subject_kind: Subject::Ticket,
                subject_id: row.id.into(),
                rule: &rule.code,
                anchor_version: 1,
                step: rule.number(0),
                at,
            };
            let row = ReminderRow::skipped(self.ids.draw(self.now), &cause, "liaison".to_owned(), "", at);
            ReminderRow { state: ReminderState::Sent, reason: None, ..row }
        });
        told.collect()
    }

    fn notice(&self, code: &str, state: NoticeState) -> NoticeRow {
        let due_on = self.today() + Days::new(60);
        let is_issued = state == NoticeState::Issued;
        NoticeRow {
            id: self.ids.draw(self.now),
            code: code.to_owned(),
            title: "关于2026年第二季度政府网站与政务新媒体检查情况的通报".to_owned(),
            document_no: None,
            issued_on: is_issued.then(|| self.today()),
            basis: None,
            sampling_from: None,
            sampling_to: None,
            deadline_on: Some(due_on),
            deadline_cutoff: None,
            deadline_inclusive: true,
            deadline_raw: None,
            feedback_to: None,
            look_back: LookBackPolicy::All,
            state,
            issued_at: is_issued.then_some(self.now),
            closed_at: None,
            due_on: is_issued.then_some(due_on),
            due_at: is_issued.then(|| self.office.late_at(due_on)),
            next_reminder_at: None,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        }
    }

    fn finding(&self, notice_id: NoticeId, position: usize) -> FindingRow {
        FindingRow {
            id: self.ids.draw(self.now),
            notice_id,
            code: format!("F{position:04}"),
            title: TITLE.to_owned(),
            text: "网站“政策文件”栏目自2026年1月起未更新，且有3条链接不能访问，办事指南中缺少办理时限与咨询电话。"
                .to_owned(),
            indicator: Some("信息不更新".to_owned()),
            severity: Severity::General,
            category: None,
            open_ended: false,
            due_on: None,
            rectified_before_notice: false,
            position: i32::try_from(position).unwrap_or(0),
            version: 1,
            created_at: self.now,
            updated_at: self.now,
            recurrence_of: None,
        }
    }

    fn draft(&mut self, units: &[UnitId]) -> Done<()> {
        let notice = self.notice("N1", NoticeState::Draft);
        let finding = self.finding(notice.id, 1);
        self.together(|maker| {
            notices::insert(&mut maker.conn, &notice)?;
            notices::insert_finding(&mut maker.conn, &finding)?;
            Ok(notices::set_finding_units(&mut maker.conn, finding.id, Part::Lead, units)?)
        })
    }
}

const TITLE: &str = "“政策文件”栏目长期未更新，办事指南要素缺失";
