//! A small office for tests: the source notice's calendar and rules, a few units with their people, tickets that are
//! issued and acted on as the product does it, and the mails that arrived in a folder.

use super::database::TestDatabase;
use chrono::NaiveDate;
use diesel::prelude::*;
use mail_parser::MessageParser;
use rectify::actions::record::{record, record_births};
use rectify::actions::tell::{News, tell};
use rectify::clock::{Clock, Ids};
use rectify::config::Config;
use rectify::domain::actor::{Actor, Scope};
use rectify::domain::audit::Stream;
use rectify::domain::calendar::{CN_TOML, Calendar};
use rectify::domain::id::{FindingId, MessageId, NoticeId, TicketId, UnitId, UserId};
use rectify::domain::instant::Instant;
use rectify::domain::office::Office;
use rectify::domain::reminder::{Anchor, Delivery, Facts, REMINDERS_TOML, ReminderState, parse_rules};
use rectify::domain::ticket::{Command, Due, NewTicket, Ticket, apply};
use rectify::domain::vocabulary::{LookBackPolicy, NoticeState, Part, Role, Severity, UnitKind};
use rectify::mail::{Courier, Sender};
use rectify::queries::people;
use rectify::reminders::{Tally, settle, tick};
use rectify::store::feedback::{self, FeedbackRow};
use rectify::store::ledger::{self, ReminderFilter};
use rectify::store::notices::{self, AnswerRow, FindingRow, NoticeRow, RequirementRow};
use rectify::store::outbox::{self, MessageFilter, MessageRow};
use rectify::store::tickets::{self, TicketRow};
use rectify::store::units::{self, UnitRow};
use rectify::store::users::{self, UserRow};
use rectify::store::{DatabaseSettings, Db, StoreError, reference};
use rectify::transaction::{Read, Tx, World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The office at a moment of its own.
pub struct Bureau {
    pub world: World,
    pub clock: Clock,
    pub test: TestDatabase,
    pub dir: TempDir,
    pub courier: Courier,
    seen: BTreeSet<PathBuf>,
}

/// A mail as its reader gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
}

pub const SHUANGQING: &str = "430502";
pub const DAXIANG: &str = "430503";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn office() -> Office {
    let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 30, 0).unwrap();
    Office {
        name_zh: "市政府办公室".to_owned(),
        name_en: "Municipal Office".to_owned(),
        zone: chrono_tz::Asia::Shanghai,
        calendar: Arc::new(Calendar::from_toml(CN_TOML).unwrap()),
        window: (time(8), time(17)),
        yellow_days: 3,
        look_back_days: 20,
        review_days: 3,
        four_eyes: false,
        at_once_a_day: 0,
    }
}

impl Bureau {
    /// The city with its leader; the office with two coordinators; Shuangqing with a liaison and a leader; Daxiang with
    /// only its mailbox. Mails go into a folder.
    pub fn new(now: &str) -> Self {
        Self::with(now, &[])
    }

    /// With settings that differ, `("mail.transport", "smtp")`.
    pub fn with(now: &str, settings: &[(&str, String)]) -> Self {
        Self::begin(Clock::fixed(at(now)), Ids::system(), settings)
    }

    /// With ids of its own, and a clock that somebody else may hold too.
    pub fn begin(clock: Clock, ids: Ids, settings: &[(&str, String)]) -> Self {
        let test = TestDatabase::new();
        let dir = tempfile::tempdir().unwrap();
        let world = world_of(test.db.clone(), (clock.clone(), ids), office());
        let config = Config::load(dir.path(), std::iter::empty(), settings).unwrap();
        let courier = Courier::new(world.clone(), Sender::from_config(&config, dir.path()).unwrap());
        let bureau = Self { world, clock, test, dir, courier, seen: BTreeSet::new() };
        bureau.write(|tx| {
            reference::insert_calendar(tx.conn, &Calendar::from_toml(CN_TOML).unwrap())?;
            reference::insert_rules(tx.conn, &parse_rules(REMINDERS_TOML).unwrap(), tx.now)?;
            tx.raise_reference()
        });
        bureau.unit("4305", UnitKind::City, None, None);
        bureau.unit("OFF", UnitKind::Office, Some("4305"), None);
        bureau.unit(SHUANGQING, UnitKind::District, Some("4305"), None);
        bureau.unit(DAXIANG, UnitKind::District, Some("4305"), Some("daxiang@example.cn"));
        bureau.person("mayor", "4305", &[Role::Leader]);
        bureau.person("chen", "OFF", &[Role::Coordinator]);
        bureau.person("deng", "OFF", &[Role::Coordinator, Role::Approver]);
        bureau.person("li", SHUANGQING, &[Role::Liaison]);
        bureau.person("wang", SHUANGQING, &[Role::Leader]);
        bureau
    }

    /// Everybody gets so many mails of their own a day, and the rest in a digest.
    pub fn limited(now: &str, at_once_a_day: u16) -> Self {
        let mut bureau = Self::new(now);
        let office = Office { at_once_a_day, ..office() };
        bureau.world = world_of(bureau.test.db.clone(), (bureau.clock.clone(), Ids::system()), office);
        bureau.restart_courier(&[]);
        bureau
    }

    pub fn other_seeded(&self, seed: u64) -> World {
        world_of(self.test.db.clone(), (self.clock.clone(), Ids::seeded(seed)), office())
    }

    /// As a process that was started again: with no connection and nothing held.
    pub fn restart_courier(&mut self, settings: &[(&str, String)]) {
        let config = Config::load(self.dir.path(), std::iter::empty(), settings).unwrap();
        self.courier = Courier::new(self.world.clone(), Sender::from_config(&config, self.dir.path()).unwrap());
    }

    /// Another process on the same database, with the same clock.
    pub fn other_world(&self) -> World {
        world(Db::open(&DatabaseSettings::new(self.test.url())).unwrap(), self.clock.clone())
    }

    /// A process whose clock shows something else.
    pub fn world_at(&self, now: &str) -> World {
        world(self.test.db.clone(), Clock::fixed(at(now)))
    }

    pub fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> rectify::transaction::Outcome<T> + Send + 'static,
    ) -> T {
        self.world.write_now(f).unwrap()
    }

    pub fn unit(
        &self,
        code: &'static str,
        kind: UnitKind,
        parent: Option<&'static str>,
        mailbox: Option<&'static str>,
    ) {
        self.write(move |tx| {
            let parent = parent.map(|code| units::find_by_code(tx.conn, code)).transpose()?.flatten();
            let row = UnitRow {
                id: tx.id(),
                code: code.to_owned(),
                name: format!("单位{code}"),
                short_name: code.to_owned(),
                name_en: format!("Unit {code}"),
                kind,
                parent_id: parent.map(|row| row.id),
                mailbox: mailbox.map(str::to_owned),
                backup_mailbox: None,
                active: true,
                version: 1,
                created_at: tx.now,
                updated_at: tx.now,
            };
            Ok(units::insert(tx.conn, &row)?)
        });
    }

    /// Reached at `<login>@example.cn`.
    pub fn person(&self, login: &'static str, unit: &'static str, roles: &'static [Role]) {
        self.write(move |tx| {
            let unit = units::find_by_code(tx.conn, unit)?.unwrap();
            let row = UserRow {
                name: login.to_owned(),
                email: Some(format!("{login}@example.cn")),
                unit_id: Some(unit.id),
                roles: UserRow::join_roles(roles),
                ..UserRow::new(tx.id(), login, tx.now)
            };
            Ok(users::insert(tx.conn, &row)?)
        });
    }

    pub fn change_person(&self, login: &'static str, change: impl FnOnce(&mut UserRow) + Send + 'static) {
        self.write(move |tx| {
            let mut row = users::find_by_login(tx.conn, login)?.unwrap();
            change(&mut row);
            assert!(users::save(tx.conn, &row, row.version)?);
            Ok(())
        });
    }

    pub fn user_id(&self, login: &'static str) -> UserId {
        self.write(move |tx| Ok(users::find_by_login(tx.conn, login)?.unwrap().id))
    }

    pub fn unit_id(&self, code: &'static str) -> UnitId {
        self.write(move |tx| Ok(units::find_by_code(tx.conn, code)?.unwrap().id))
    }

    /// An issued notice with one finding, due on that day.
    pub fn notice(&self, code: &'static str, due_on: &'static str) -> (NoticeId, FindingId) {
        self.write(move |tx| {
            let (notice, finding): (NoticeId, FindingId) = (tx.id(), tx.id());
            let due_on = day(due_on);
            let row = NoticeRow {
                id: notice,
                code: code.to_owned(),
                title: "关于检查情况的通报".to_owned(),
                document_no: None,
                issued_on: Some(tx.office.today(tx.now)),
                basis: None,
                sampling_from: None,
                sampling_to: None,
                deadline_on: Some(due_on),
                deadline_cutoff: None,
                deadline_inclusive: true,
                deadline_raw: None,
                feedback_to: None,
                look_back: LookBackPolicy::All,
                state: NoticeState::Issued,
                issued_at: Some(tx.now),
                closed_at: None,
                due_on: Some(due_on),
                due_at: Some(tx.office.late_at(due_on)),
                next_reminder_at: Some(tx.now),
                version: 1,
                created_at: tx.now,
                updated_at: tx.now,
            };
            notices::insert(tx.conn, &row)?;
            let row = FindingRow {
                id: finding,
                notice_id: notice,
                code: "F01".to_owned(),
                title: "网站栏目分类杂乱".to_owned(),
                text: "网站栏目分类杂乱、层级过深。".to_owned(),
                indicator: None,
                severity: Severity::General,
                category: None,
                open_ended: false,
                due_on: None,
                rectified_before_notice: false,
                position: 0,
                version: 1,
                created_at: tx.now,
                updated_at: tx.now,
                recurrence_of: None,
            };
            notices::insert_finding(tx.conn, &row)?;
            Ok((notice, finding))
        })
    }

    /// Tickets of a notice's finding, one for each of these units, issued in one transaction.
    pub fn issue(
        &self,
        (notice, finding): (NoticeId, FindingId),
        leads: &[(String, &'static str)],
        due_on: &'static str,
    ) {
        let leads = leads.to_vec();
        self.write(move |tx| {
            let mut made = Vec::new();
            for (reference, unit) in leads {
                let unit = units::find_by_code(tx.conn, unit)?.unwrap().id;
                made.push(ticket(tx, (notice, finding), reference, unit, day(due_on)));
            }
            let office = Arc::clone(&tx.office);
            let rules = Arc::clone(&tx.rules);
            let planner = office.planner(&rules);
            let rows: Vec<TicketRow> = made
                .iter()
                .map(|ticket| TicketRow {
                    next_reminder_at: planner.next_at(&Facts::of_ticket(ticket, office.zone, tx.now), tx.now),
                    ..TicketRow::new(ticket, "网站栏目分类杂乱")
                })
                .collect();
            let parties: Vec<_> = made.iter().map(|ticket| (ticket.id, ticket.unit_id, Part::Lead)).collect();
            tickets::insert_all(tx.conn, &rows, &parties)?;
            let births: Vec<_> =
                made.iter().map(|ticket| (Stream::Ticket(ticket.id), "ticket.issued", json!({}))).collect();
            record_births(tx, &Actor::system("test"), &births)?;
            let news: Vec<News<'_>> = made.iter().map(|ticket| News { ticket, seq: 1, former_unit: None }).collect();
            tell(tx, Anchor::Issued, &news)
        });
    }

    /// What somebody of that login does to a ticket, and the mail that answers it.
    pub fn act(&self, login: &'static str, reference: &'static str, command: Command, anchor: Option<Anchor>) {
        self.try_act(login, reference, command, anchor).unwrap();
    }

    /// `act`, which may be refused.
    pub fn try_act(
        &self,
        login: &'static str,
        reference: &'static str,
        command: Command,
        anchor: Option<Anchor>,
    ) -> rectify::transaction::Outcome<()> {
        self.world.write_now(move |tx| {
            let user = users::find_by_login(tx.conn, login)?.unwrap();
            let actor = Actor {
                user_id: Some(user.id),
                name: user.name.clone(),
                unit_id: user.unit_id,
                roles: user.role_list(),
                scope: Scope::All,
            };
            let row = tickets::lock(tx.conn, reference, &Scope::All)?.unwrap();
            let before = row.ticket(Vec::new());
            let (office, rules) = (Arc::clone(&tx.office), Arc::clone(&tx.rules));
            let change = apply(&before, &actor, command, &office, tx.now)?;
            let facts = Facts::of_ticket(&change.ticket, office.zone, tx.now);
            let next = office.planner(&rules).next_at(&facts, tx.now);
            assert!(tickets::save(tx.conn, &row, &row.changed(&change.ticket, next, tx.now))?);
            let moved = before.unit_id != change.ticket.unit_id;
            if moved {
                tickets::set_lead(tx.conn, row.id, change.ticket.unit_id)?;
            }
            let seq = record(tx, &actor, Stream::Ticket(row.id), change.event, &change.payload)?;
            let former_unit = moved.then_some(before.unit_id);
            match anchor {
                Some(anchor) => tell(tx, anchor, &[News { ticket: &change.ticket, seq, former_unit }]),
                None => Ok(()),
            }
        })
    }

    /// Somebody of that login, as the doors know them.
    pub fn actor(&self, login: &'static str) -> Actor {
        self.write(move |tx| {
            let user = users::find_by_login(tx.conn, login)?.unwrap();
            people::actor(&mut tx.read(), &user)
        })
    }

    pub fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Read<'_>) -> rectify::transaction::Outcome<T> + Send + 'static,
    ) -> T {
        self.world.read_now(f).unwrap()
    }

    pub fn change_unit(&self, code: &'static str, change: impl FnOnce(&mut UnitRow) + Send + 'static) {
        self.write(move |tx| {
            let mut row = units::find_by_code(tx.conn, code)?.unwrap();
            change(&mut row);
            assert!(units::save(tx.conn, &row, row.version)?);
            Ok(())
        });
    }

    pub fn ticket(&self, reference: &'static str) -> TicketRow {
        self.write(move |tx| Ok(tickets::find(tx.conn, reference, &Scope::All)?.unwrap()))
    }

    /// Moves the clock, looks once, and delivers what there is.
    pub async fn jump(&mut self, to: &str) -> Tally {
        self.clock.set(at(to)).unwrap();
        settle(&self.world, &mut self.courier).await.unwrap()
    }

    /// Moves the clock and looks, without delivering.
    pub fn look(&self, to: &str) -> Tally {
        self.clock.set(at(to)).unwrap();
        tick(&self.world).unwrap()
    }

    /// Mails that arrived since this was asked last, by reader, in the order of addresses.
    pub fn mails(&mut self) -> Vec<Mail> {
        let Ok(folder) = std::fs::read_dir(self.dir.path().join("outbox")) else { return Vec::new() };
        let mut mails: Vec<Mail> = folder
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "eml") && self.seen.insert(path.clone()))
            .map(|path| read_mail(&std::fs::read(path).unwrap()))
            .collect();
        mails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        mails
    }

    /// `mails` as "reader: subject", the domain and the product's name left out.
    pub fn told(&mut self) -> Vec<String> {
        let line = |mail: Mail| {
            format!("{}: {}", mail.to.trim_end_matches("@example.cn"), mail.subject.trim_start_matches("【整改督办】"))
        };
        self.mails().into_iter().map(line).collect()
    }

    /// How many ledger rows stand in each state.
    pub fn ledger(&self) -> BTreeMap<String, usize> {
        let rows = self.write(|tx| Ok(ledger::list(tx.conn, &ReminderFilter::default(), None, 100_000)?));
        let mut states = BTreeMap::new();
        for row in rows {
            *states.entry(row.state.to_string()).or_default() += 1;
        }
        states
    }
}

pub fn read_mail(bytes: &[u8]) -> Mail {
    let mail = MessageParser::default().parse(bytes).unwrap();
    Mail {
        to: mail.to().unwrap().first().unwrap().address().unwrap().to_owned(),
        subject: mail.subject().unwrap().to_owned(),
        text: mail.body_text(0).unwrap().replace("\r\n", "\n"),
    }
}

fn world(db: Db, clock: Clock) -> World {
    world_of(db, (clock, Ids::system()), office())
}

fn world_of(db: Db, (clock, ids): (Clock, Ids), office: Office) -> World {
    World::new(db, clock, ids, office, "example.cn", "https://rectify.example.cn").unwrap()
}

fn ticket(
    tx: &Tx<'_>,
    (notice, finding): (NoticeId, FindingId),
    reference: String,
    unit: UnitId,
    due_on: NaiveDate,
) -> Ticket {
    let new = NewTicket {
        id: tx.id::<TicketId>(),
        reference,
        notice_id: notice,
        finding_id: finding,
        unit_id: unit,
        co_unit_ids: Vec::new(),
        severity: Severity::General,
        look_back: LookBackPolicy::All,
        due: Due::first(due_on, tx.office.late_at(due_on), false, tx.now),
    };
    Ticket::issued(new, tx.now)
}

impl Bureau {
    /// Requirements of a notice, asked of these units.
    pub fn require(&self, notice: NoticeId, codes: &'static [&'static str], asked: &'static [&'static str]) {
        self.write(move |tx| {
            let rows: Vec<RequirementRow> = codes
                .iter()
                .zip(0..)
                .map(|(code, position)| RequirementRow {
                    id: tx.id(),
                    notice_id: notice,
                    code: (*code).to_owned(),
                    text: "举一反三，全面排查。".to_owned(),
                    position,
                })
                .collect();
            let mut links = Vec::new();
            for unit in asked {
                let unit = units::find_by_code(tx.conn, unit)?.unwrap().id;
                links.extend(rows.iter().map(|row| (row.id, unit)));
            }
            Ok(notices::set_requirements(tx.conn, notice, &rows, &links)?)
        });
    }

    pub fn answer(&self, notice: NoticeId, code: &'static str, unit: &'static str) {
        self.write(move |tx| {
            let unit_id = units::find_by_code(tx.conn, unit)?.unwrap().id;
            let rows = notices::requirements_of(tx.conn, notice)?;
            let requirement_id = rows.into_iter().find(|row| row.code == code).unwrap().id;
            let letter = FeedbackRow {
                id: tx.id(),
                notice_id: notice,
                unit_id,
                letter_no: Some("1".to_owned()),
                signatory: "李".to_owned(),
                author_id: None,
                registered: false,
                received_on: None,
                submitted_at: tx.now,
                version: 1,
            };
            let answer = AnswerRow {
                requirement_id,
                unit_id,
                feedback_id: letter.id,
                text: "已排查。".to_owned(),
                answered_at: tx.now,
            };
            feedback::insert(tx.conn, &letter, &[])?;
            Ok(notices::insert_answers(tx.conn, &[answer])?)
        });
    }
}

/// Why ledger rows were cancelled.
pub fn cancelled_by(bureau: &Bureau) -> Vec<String> {
    let filter = ReminderFilter { states: vec![ReminderState::Cancelled], ..ReminderFilter::default() };
    let rows = bureau.write(move |tx| Ok(ledger::list(tx.conn, &filter, None, 1_000)?));
    rows.into_iter().map(|row| row.reason.unwrap()).collect()
}

/// All messages, newest first.
pub fn messages(bureau: &Bureau) -> Vec<MessageRow> {
    bureau.write(|tx| Ok(outbox::list(tx.conn, &MessageFilter::default(), None, 100_000)?))
}

mod tables {
    //! Columns that only tests write.

    diesel::table! {
        use diesel::sql_types::*;
        use rectify::store::{Moment, Uid};

        messages (id) {
            id -> Uid,
            state -> Text,
            next_at -> Nullable<Moment>,
            claims -> Integer,
            lease_until -> Nullable<Moment>,
        }
    }

    diesel::table! {
        use diesel::sql_types::*;
        use rectify::store::{Moment, Uid};

        reminders (id) {
            id -> Uid,
            message_id -> Nullable<Uid>,
            state -> Text,
        }
    }

    diesel::table! {
        use diesel::sql_types::*;

        reminder_rules (code) {
            code -> Text,
            definition -> Text,
        }
    }
}

impl Bureau {
    /// As if the worker had died between the server's answer and its record.
    pub fn forget_delivery(&self, id: MessageId) {
        use tables::{messages, reminders};
        self.write(move |tx| {
            let lines = reminders::table.filter(reminders::message_id.eq(id));
            diesel::update(lines).set(reminders::state.eq("queued")).execute(tx.conn).map_err(StoreError::from)?;
            diesel::update(messages::table.find(id))
                .set((messages::state.eq("sending"), messages::claims.eq(1), messages::next_at.eq(tx.now)))
                .execute(tx.conn)
                .map_err(StoreError::from)?;
            Ok(())
        });
    }

    pub fn switch_off_digests(&self) {
        for rule in parse_rules(REMINDERS_TOML).unwrap() {
            if rule.delivery == Delivery::Digest {
                self.switch_off(&rule.code);
            }
        }
    }

    pub fn switch_off(&self, rule: &str) {
        use tables::reminder_rules;
        let rule = rule.to_owned();
        self.write(move |tx| {
            let mut off = tx.rule(&rule).unwrap().clone();
            off.active = false;
            diesel::update(reminder_rules::table.find(rule))
                .set(reminder_rules::definition.eq(serde_json::to_string(&off).unwrap()))
                .execute(tx.conn)
                .map_err(StoreError::from)?;
            tx.raise_reference()
        });
    }
}

/// As if the time of all leases had run out.
pub fn drop_leases(bureau: &Bureau) {
    use tables::messages;
    bureau.write(|tx| {
        let long_ago = at("2000-01-01T00:00:00Z");
        diesel::update(messages::table.filter(messages::lease_until.is_not_null()))
            .set(messages::lease_until.eq(long_ago))
            .execute(tx.conn)
            .map_err(StoreError::from)?;
        Ok(())
    });
}

/// As if so many workers had claimed it and died.
pub fn set_claims(bureau: &Bureau, id: MessageId, claims: i32) {
    use tables::messages;
    bureau.write(move |tx| {
        diesel::update(messages::table.find(id))
            .set(messages::claims.eq(claims))
            .execute(tx.conn)
            .map_err(StoreError::from)?;
        Ok(())
    });
}
