//! A real server on a loopback port, over a database of its own, seeded with a small office.

use crate::support::client::Client;
use crate::support::database::TestDatabase;
use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use chrono::TimeDelta;
use rectify::actions::tokens::{self, NewToken};
use rectify::actions::units::{self, NewContacts, NewUnit};
use rectify::actions::users::{self, NewUser};
use rectify::api;
use rectify::clock::{Clock, Ids};
use rectify::config::Config;
use rectify::domain::actor::Actor;
use rectify::domain::calendar::{CN_TOML, Calendar};
use rectify::domain::instant::Instant;
use rectify::domain::office::Office;
use rectify::domain::reminder::{REMINDERS_TOML, parse_rules};
use rectify::domain::vocabulary::{Role, UnitKind};
use rectify::http::server;
use rectify::http::state::State;
use rectify::store::reference;
use rectify::transaction::{Outcome, Tx, World};
use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// Monday, 09:00 in the office.
pub const NOW: &str = "2026-03-02T01:00:00Z";
/// Of everybody who has one.
pub const PASSWORD: &str = "correct horse battery";

/// Code, name, kind, parent.
const UNITS: [(&str, &str, UnitKind, Option<&str>); 6] = [
    ("office", "市政务公开办", UnitKind::Office, None),
    ("430502", "双清区人民政府", UnitKind::District, None),
    ("430502-edu", "双清区教育局", UnitKind::Department, Some("430502")),
    ("430503", "大祥区人民政府", UnitKind::District, None),
    ("sjj", "市审计局", UnitKind::Department, None),
    ("depts", "市直部门", UnitKind::Group, None),
];

/// Login, unit, roles.
const USERS: [(&str, &str, &[Role]); 9] = [
    ("admin", "office", &[Role::Admin]),
    ("coordinator", "office", &[Role::Coordinator]),
    ("coordinator2", "sjj", &[Role::Coordinator]),
    ("approver", "office", &[Role::Approver]),
    ("viewer", "office", &[Role::Viewer]),
    ("liaison", "430502", &[Role::Liaison]),
    ("leader", "430502", &[Role::Leader]),
    ("liaison-edu", "430502-edu", &[Role::Liaison]),
    ("liaison2", "430503", &[Role::Liaison]),
];

/// A running server; stopped when dropped.
pub struct TestApp {
    pub url: String,
    pub world: World,
    pub state: State,
    tokens: HashMap<String, String>,
    server: Option<(ServerHandle, JoinHandle<()>)>,
    // Dropped last: the server still holds both.
    pub data: TempDir,
    pub database: TestDatabase,
}

impl TestApp {
    pub fn start() -> Self {
        Self::start_with(|_| {}, |_| {})
    }

    /// With other settings, and further routes beside the interface.
    pub fn start_with(set: impl FnOnce(&mut Config), pages: fn(&mut ServiceConfig)) -> Self {
        let database = TestDatabase::new();
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(data.path()).unwrap();
        config.server.workers = 2;
        set(&mut config);
        let now: Instant = NOW.parse().unwrap();
        let calendar = Calendar::from_toml(CN_TOML).unwrap();
        database
            .db
            .write_now(move |conn| {
                reference::insert_calendar(conn, &Calendar::from_toml(CN_TOML).unwrap())?;
                reference::insert_rules(conn, &parse_rules(REMINDERS_TOML).unwrap(), now)
            })
            .unwrap();
        let world = World::new(
            database.db.clone(),
            Clock::fixed(now),
            Ids::system(),
            office(&config, calendar),
            "rectify.invalid",
            "http://localhost",
        )
        .unwrap();
        let tokens = world.write_now(seed).unwrap();
        let state = State::new(world.clone(), &config, data.path(), Vec::new(), None).unwrap();
        let (url, server) = serve(state.clone(), pages);
        Self { url, world, state, tokens, server: Some(server), data, database }
    }

    /// Nobody in particular.
    pub fn anyone(&self) -> Client {
        Client::new(&self.url)
    }

    /// Somebody by login, with their token; refusals come in English.
    pub fn by(&self, login: &str) -> Client {
        self.anyone().with("Accept-Language", "en").bearer(self.token(login))
    }

    pub fn token(&self, login: &str) -> &str {
        self.tokens.get(login).unwrap_or_else(|| panic!("nobody is called {login}"))
    }

    /// Lets both clocks, the office's and the machine's, go on.
    pub fn pass(&self, time: TimeDelta) {
        self.world.clock.set(self.world.clock.now().plus(time)).unwrap();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.server.take() {
            drop(handle.stop(false));
            thread.join().ok();
        }
    }
}

/// Waits for what is done beside an answer: looks again and again until it is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !so() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "in vain: {what}");
        std::thread::yield_now();
    }
}

/// The office as the settings describe it.
pub fn office(config: &Config, calendar: Calendar) -> Office {
    let small = |number: u32| u16::try_from(number).unwrap();
    Office {
        name_zh: config.office.name_zh.clone(),
        name_en: config.office.name_en.clone(),
        zone: config.office.time_zone,
        calendar: Arc::new(calendar),
        window: (config.office.window_from, config.office.window_to),
        yellow_days: small(config.office.yellow_days),
        look_back_days: small(config.office.look_back_days),
        review_days: small(config.office.review_days),
        four_eyes: config.office.four_eyes,
        at_once_a_day: small(config.reminders.at_once_a_day),
    }
}

fn serve(state: State, pages: fn(&mut ServiceConfig)) -> (String, (ServerHandle, JoinHandle<()>)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, started) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let configure = move |config: &mut ServiceConfig| {
                api::configure(config);
                pages(config);
            };
            let server = server::start(state, listener, configure).unwrap();
            tell.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    (url, (started.recv().unwrap(), thread))
}

/// Units, users and a token for each.
fn seed(tx: &mut Tx<'_>) -> Outcome<HashMap<String, String>> {
    let root = Actor::system("test");
    for (code, name, kind, parent) in UNITS {
        let new = NewUnit {
            code: code.to_owned(),
            name: name.to_owned(),
            kind: Some(kind),
            parent_id: parent.map(str::to_owned),
            members: if kind == UnitKind::Group { vec!["sjj".to_owned()] } else { Vec::new() },
            contacts: NewContacts {
                mailbox: (kind != UnitKind::Group).then(|| format!("box-{code}@example.cn")),
                backup_mailbox: None,
            },
            ..NewUnit::default()
        };
        units::create(tx, &root, new)?;
    }
    let mut secrets = HashMap::new();
    for (login, unit, roles) in USERS {
        let new = NewUser {
            login: login.to_owned(),
            name: format!("{login} 同志"),
            email: Some(format!("{login}@example.cn")),
            unit_id: Some(unit.to_owned()),
            roles: roles.to_vec(),
            password: Some(PASSWORD.to_owned()),
            ..NewUser::default()
        };
        let user = users::create(tx, &root, new, Some(password_hash().to_owned()))?;
        let made = tokens::create(tx, &root, user, NewToken { name: "tests".to_owned(), ..NewToken::default() })?;
        secrets.insert(login.to_owned(), made.secret);
    }
    Ok(secrets)
}

/// Of `PASSWORD`, made once: it takes its time.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| users::hash_password(PASSWORD).unwrap())
}
