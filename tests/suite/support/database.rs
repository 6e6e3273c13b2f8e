//! A database of its own for each test: a file in a temporary folder, or a copy of a migrated template on PostgreSQL.
//! `RECTIFY_TEST_DATABASE` is `sqlite` (also when unset) or the URL of a PostgreSQL where databases may be created.

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use rectify::store::{DatabaseSettings, Db};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use url::Url;

/// A migrated database that nobody else uses; gone when dropped.
pub struct TestDatabase {
    pub db: Db,
    place: Place,
}

/// An address at which nothing has been migrated yet; gone when dropped.
pub struct Place {
    pub url: String,
    kept: Kept,
}

/// What disappears with a place.
enum Kept {
    Folder(TempDir),
    Database { server: Url, name: String },
}

impl TestDatabase {
    pub fn new() -> Self {
        let place = match server() {
            None => {
                let place = Place::sqlite();
                std::fs::write(&place.url, sqlite_template()).unwrap();
                place
            }
            Some(server) => Place::postgres(server, postgres_template(&server_url(server))),
        };
        let db = Db::open(&DatabaseSettings::new(&place.url)).unwrap();
        Self { db, place }
    }

    /// For a second process on the same database.
    pub fn url(&self) -> &str {
        &self.place.url
    }
}

impl Place {
    pub fn empty() -> Self {
        match server() {
            None => Self::sqlite(),
            Some(server) => Self::postgres(server, "template0"),
        }
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("rectify.db").to_str().unwrap().to_owned();
        Self { url, kept: Kept::Folder(folder) }
    }

    fn postgres(server: &str, template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rectify_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let server = server_url(server);
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self { url: database_url(&server, &name), kept: Kept::Database { server, name } }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match &self.kept {
            Kept::Folder(folder) => assert!(folder.path().exists(), "a test removed its own folder"),
            // A test may keep a connection longer than its database.
            Kept::Database { server, name } => run(server, &format!("DROP DATABASE {name} WITH (FORCE)")),
        }
    }
}

fn server() -> Option<&'static str> {
    static SERVER: OnceLock<Option<String>> = OnceLock::new();
    let chosen = SERVER.get_or_init(|| {
        let chosen = std::env::var_os("RECTIFY_TEST_DATABASE")?.into_string().unwrap();
        (chosen != "sqlite").then_some(chosen)
    });
    chosen.as_deref()
}

fn server_url(server: &str) -> Url {
    Url::parse(server).unwrap_or_else(|fault| panic!("RECTIFY_TEST_DATABASE: {fault}; write sqlite or postgres://…"))
}

fn database_url(server: &Url, name: &str) -> String {
    let mut url = server.clone();
    url.set_path(&format!("/{name}"));
    url.into()
}

fn run(server: &Url, statement: &str) {
    PgConnection::establish(server.as_str()).unwrap().batch_execute(statement).unwrap();
}

/// A migrated file's bytes: copying them is ten times faster than migrating.
fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let place = Place::sqlite();
        // Closing it folds the log into the file.
        drop(Db::open(&DatabaseSettings::new(&place.url)).unwrap());
        std::fs::read(&place.url).unwrap()
    })
}

fn postgres_template(server: &Url) -> &'static str {
    static TEMPLATE: OnceLock<&'static str> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = "rectify_template";
        // One left behind by an earlier run may have other tables.
        run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        run(server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        drop(Db::open(&DatabaseSettings::new(database_url(server, name))).unwrap());
        name
    })
}
