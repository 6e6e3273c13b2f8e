//! The sandbox: the source notice with its units and people, as printed on a given day or with a played past; and how
//! everybody in it signs in. For `rectify demo`.

mod people;
mod source;
mod story;

pub use people::{Account, password};

use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::mail::Sender;
use crate::store::{StoreError, sandbox};
use crate::transaction::{Outcome, World};
use people::{Passwords, Person, everybody, open_accounts, settle_in};
use serde::{Deserialize, Serialize};
use source::Edition;
use std::fs;
use std::io::Write;
use std::path::Path;

/// How to sign in: the file beside the data, readable by its owner alone.
pub const FILE_NAME: &str = "demo.json";

/// What `demo.json` holds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Accounts {
    pub url: String,
    pub users: Vec<Account>,
}

/// Fills a new sandbox and opens everybody's account; `sender` delivers what its past brings. With `at` only the source notice exists, issued at that moment, at
/// which the clock stands from then on; without, it is due in five working days and has a past.
pub async fn fill(world: &mut World, sender: Sender, at: Option<Instant>, lang: Lang) -> Outcome<Vec<Account>> {
    let people = everybody(lang)?;
    let passwords = Passwords::draw(people.len());
    match at {
        Some(at) => {
            world.clock = Clock::simulated(Some(at));
            let (edition, everybody) = (Edition::as_printed(lang)?, people.clone());
            let issuer = story::issuer(&edition, &people)?;
            world
                .write(move |tx| {
                    sandbox::set_clock(tx.conn, at)?;
                    settle_in(tx, &Actor::system("demo"), &everybody, lang)?;
                    story::publish(tx, &edition, &issuer)
                })
                .await?;
        }
        None => story::play(world, sender, &people, lang).await?,
    }
    accounts(world, passwords, people).await
}

/// New passwords and tokens for everybody, where the file that held the old ones is gone.
pub async fn renew_accounts(world: &World, lang: Lang) -> Outcome<Vec<Account>> {
    let people = everybody(lang)?;
    accounts(world, Passwords::draw(people.len()), people).await
}

async fn accounts(world: &World, passwords: Passwords, people: Vec<Person>) -> Outcome<Vec<Account>> {
    let opened = tokio::task::spawn_blocking(move || open_accounts(passwords, people)).await;
    let open = opened.map_err(|fault| StoreError::Panicked(fault.to_string()))??;
    world.write(open).await
}

/// From now on the sandbox is whole.
pub async fn finish(world: &World) -> Outcome<()> {
    world.write(|tx| Ok(sandbox::finish(tx.conn)?)).await
}

impl Accounts {
    /// One of each role, to be printed.
    pub fn shown(&self, lang: Lang) -> Outcome<Vec<&Account>> {
        let people = everybody(lang)?;
        let is_shown = |login: &str| people.iter().any(|person| person.shown && person.login == login);
        Ok(self.users.iter().filter(|account| is_shown(&account.login)).collect())
    }

    /// `None` where there is no such file.
    pub fn read(folder: &Path) -> Result<Option<Self>, Refusal> {
        let path = folder.join(FILE_NAME);
        let unreadable =
            |reason: String| Refusal::new(Code::FileUnreadable).with("name", path.display()).with("reason", reason);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|fault| unreadable(fault.to_string())),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(unreadable(fault.to_string())),
        }
    }

    /// Writes the file, whole or not at all, for its owner alone.
    pub fn write(&self, folder: &Path) -> Result<(), Refusal> {
        let (path, fresh) = (folder.join(FILE_NAME), folder.join(format!(".{FILE_NAME}.new")));
        let written = (|| {
            use std::os::unix::fs::OpenOptionsExt;
            // One left behind keeps the mode it was made with.
            match fs::remove_file(&fresh) {
                Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        })();
        written.map_err(|fault| Refusal::new(Code::FileUnwritable).with("name", path.display()).with("reason", fault))
    }
}
