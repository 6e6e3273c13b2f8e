//! Who can sign in to a sandbox: by role, never by a person's name. Passwords and tokens are drawn for each installation.

use super::source::UNITS;
use crate::actions::imports::{File, Kind, import};
use crate::actions::tokens::{self, NewToken};
use crate::actions::users::{self, UserChange, hash_password};
use crate::domain::actor::Actor;
use crate::domain::patch::Patch;
use crate::domain::vocabulary::{Role, UnitKind};
use crate::domain::words::Lang;
use crate::files::csv::{Mark, Writer};
use crate::files::imports::{UnitRow, parse_units};
use crate::store::{StoreError, users as rows};
use crate::transaction::{Outcome, Tx};
use serde::{Deserialize, Serialize};
use std::thread;

const PEOPLE: &str = include_str!("../../config/demo/people.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeopleFile {
    email_domain: String,
    shown_unit: String,
    person: Vec<PersonFile>,
    each_unit: EachUnit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EachUnit {
    except_kinds: Vec<UnitKind>,
    person: Vec<PersonFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    login: String,
    unit: Option<String>,
    roles: Vec<Role>,
    name_zh: String,
    name_en: String,
}

/// Somebody of the sandbox.
#[derive(Debug, Clone)]
pub struct Person {
    pub login: String,
    pub name: String,
    pub email: String,
    pub unit_code: String,
    pub roles: Vec<Role>,
    /// Stands for the role where one of each is printed.
    pub shown: bool,
}

/// How somebody signs in: what `demo.json` holds of them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    pub login: String,
    pub password: String,
    pub token: String,
    pub roles: Vec<Role>,
    pub unit_code: String,
}

/// Everybody, in the order in which they are listed.
pub fn everybody(lang: Lang) -> Outcome<Vec<Person>> {
    let file: PeopleFile =
        toml::from_str(PEOPLE).map_err(|fault| StoreError::Unsupported(format!("the demo's people: {fault}")))?;
    let units = parse_units(UNITS.as_bytes())?;
    let mut all = Vec::new();
    for person in &file.person {
        let code = person.unit.clone().unwrap_or_default();
        if let Some(unit) = units.iter().find(|unit| unit.code == code) {
            all.push(person.of(unit, &file, lang, true));
        }
    }
    for unit in units.iter().filter(|unit| !file.each_unit.except_kinds.contains(&unit.kind)) {
        let shown = unit.code == file.shown_unit;
        all.extend(file.each_unit.person.iter().map(|person| person.of(unit, &file, lang, shown)));
    }
    let mut seen: Vec<Role> = Vec::new();
    for person in all.iter_mut().filter(|person| person.shown) {
        person.shown = person.roles.iter().any(|role| !seen.contains(role));
        seen.extend(&person.roles);
    }
    Ok(all)
}

impl PersonFile {
    fn of(&self, unit: &UnitRow, file: &PeopleFile, lang: Lang, shown: bool) -> Person {
        let filled = |text: &str| {
            text.replace("{code}", &unit.code)
                .replace("{short_name}", unit.short_name.as_deref().unwrap_or(&unit.name))
                .replace("{name_en}", unit.name_en.as_deref().unwrap_or(&unit.name))
        };
        let login = filled(&self.login);
        Person {
            email: format!("{login}@{}", file.email_domain),
            name: filled(lang.pick(&self.name_zh, &self.name_en)),
            unit_code: unit.code.clone(),
            roles: self.roles.clone(),
            login,
            shown,
        }
    }
}

/// Units and people, through the imports that everybody uses.
pub fn settle_in(tx: &mut Tx<'_>, actor: &Actor, people: &[Person], lang: Lang) -> Outcome<()> {
    import(tx, actor, File { kind: Kind::Units, bytes: UNITS.as_bytes(), notice: None })?;
    let mut file = Writer::new(Mark::None);
    file.row(["login", "name", "email", "unit_code", "roles", "locale"]);
    for person in people {
        let roles = person.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(";");
        let row = [&person.login, &person.name, &person.email, &person.unit_code, &roles, lang.as_str()];
        file.row(row);
    }
    import(tx, actor, File { kind: Kind::Users, bytes: &file.finish(), notice: None })?;
    Ok(())
}

/// A password for each, with its hash: the costly part, done beside everything else.
pub struct Passwords(thread::JoinHandle<Result<Vec<(String, String)>, StoreError>>);

impl Passwords {
    pub fn draw(count: usize) -> Self {
        Self(thread::spawn(move || {
            let workers = thread::available_parallelism().map_or(1, usize::from).min(8);
            let share = count.div_ceil(workers);
            let parts: Vec<_> = (0..workers).map(|_| thread::spawn(move || hashed(share))).collect();
            let mut all = Vec::with_capacity(count);
            for part in parts {
                all.extend(part.join().map_err(|_panic| StoreError::Panicked("drawing passwords".to_owned()))??);
            }
            Ok(all)
        }))
    }

    fn wait(self) -> Result<Vec<(String, String)>, StoreError> {
        self.0.join().map_err(|_panic| StoreError::Panicked("drawing passwords".to_owned()))?
    }
}

fn hashed(count: usize) -> Result<Vec<(String, String)>, StoreError> {
    (0..count)
        .map(|_| {
            let password = password()?;
            let hash = hash_password(&password)?;
            Ok((password, hash))
        })
        .collect()
}

/// 80 bits as four groups that can be read out and typed.
pub fn password() -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|fault| StoreError::Unavailable(format!("no random bytes: {fault}")))?;
    let letters: Vec<char> =
        bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// Gives everybody a password and a token.
pub fn open_accounts(
    passwords: Passwords,
    people: Vec<Person>,
) -> Outcome<impl FnOnce(&mut Tx<'_>) -> Outcome<Vec<Account>>> {
    let drawn = passwords.wait()?;
    Ok(move |tx: &mut Tx<'_>| {
        let actor = Actor::system("demo");
        people
            .into_iter()
            .zip(drawn)
            .map(|(person, (password, hash))| {
                let change = UserChange { password: Patch::Set(password.clone()), ..UserChange::default() };
                let id = users::change(tx, &actor, &person.login, None, change, Some(hash))?;
                let token = NewToken { name: "demo".to_owned(), ..NewToken::default() };
                let token = tokens::create(tx, &actor, id, token)?.secret;
                Ok(Account { login: person.login, password, token, roles: person.roles, unit_code: person.unit_code })
            })
            .collect()
    })
}

/// Somebody of the sandbox as an actor.
pub fn actor(tx: &mut Tx<'_>, login: &str) -> Outcome<Actor> {
    let row = rows::find_by_login(tx.conn, login)?
        .ok_or_else(|| StoreError::Unsupported(format!("the demo's story names {login}, whom nobody knows")))?;
    crate::queries::people::actor(&mut tx.read(), &row)
}
