//! Signing in and out: passwords checked at leisure, slowed down after failures; sessions that live here.

use crate::actions::access::Throttle;
use crate::actions::record::record;
use crate::actions::users::{check_password, hash_password, set_own_password, verify_password};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::id::{SessionId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::secret::hash_secret;
use crate::domain::vocabulary::Role;
use crate::queries::people::Touch;
use crate::store::sessions::SessionRow;
use crate::store::users::UserRow;
use crate::store::{StoreError, idempotency, sessions, tokens, users};
use crate::transaction::{Outcome, Tx, World};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Password hashes computed at once: each takes 19 MB and most of a processor.
const AT_ONCE: usize = 2;
/// How many may wait for that; more are told to come back.
const WAITING: usize = 32;
/// Failures that cost nothing; from then on each doubles the wait.
const FREE_FAILURES: i32 = 5;
/// Failures older than this are forgotten; no wait is longer.
const MEMORY: TimeDelta = TimeDelta::minutes(15);
const FIRST_WAIT_SECONDS: i64 = 30;
/// Logins that nobody has, remembered at once.
const STRANGERS: usize = 10_000;

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// In any case.
    pub length: Duration,
}

/// The bounded place where passwords are hashed, and the memory of logins that nobody has.
pub struct Hashing {
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
    strangers: Mutex<HashMap<[u8; 32], Standing>>,
    /// Of failures that go on record.
    throttle: Throttle,
    computed: AtomicU64,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            working: Arc::new(Semaphore::new(AT_ONCE)),
            strangers: Mutex::default(),
            throttle: Throttle::default(),
            computed: AtomicU64::new(0),
        }
    }
}

/// A fresh session. The secret is told once, as the cookie's value.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user_id: UserId,
    pub secret: String,
    pub csrf_token: String,
}

/// Failures so far, and when the next attempt is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Standing {
    failures: i32,
    /// While nothing has to be waited for: the moment of the last failure.
    locked_until: Option<Instant>,
}

impl Standing {
    /// Seconds still to wait.
    fn wait(self, now: Instant) -> Option<i64> {
        let until = self.locked_until.filter(|until| *until > now)?;
        Some((until.utc() - now.utc()).num_seconds() + 1)
    }

    fn after_failure(self, now: Instant) -> Self {
        let forgotten = self.locked_until.is_none_or(|until| until.plus(MEMORY) <= now);
        let failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        let doublings = (failures - FREE_FAILURES).clamp(0, 10);
        let wait = if failures < FREE_FAILURES {
            TimeDelta::zero()
        } else {
            TimeDelta::seconds(FIRST_WAIT_SECONDS << doublings).min(MEMORY)
        };
        Self { failures, locked_until: Some(now.plus(wait)) }
    }
}

/// Checks login and password and begins a session. A login that nobody has takes as long and is answered the same.
///
/// # Errors
/// `auth.failed`, `auth.slow_down`, or `Busy` when too many sign in at once.
pub async fn sign_in(
    world: &World,
    hashing: &Hashing,
    limits: SessionLimits,
    login: &str,
    password: String,
) -> Outcome<SignedIn> {
    let name = login.to_owned();
    let user = world.read(move |read| Ok(users::find_by_login(read.conn, &name)?)).await?;
    let now = world.clock.machine_now();
    let held = user.as_ref().map_or_else(|| hashing.stranger(login), standing);
    if let Some(seconds) = held.wait(now) {
        return Err(Refusal::new(Code::SignInSlowedDown).with("seconds", seconds).into());
    }
    // A service account has no password to sign in with; it is treated like a stranger with a wrong one.
    let hash = user.as_ref().filter(|user| !user.service).and_then(|user| user.password_hash.clone());
    let right = hashing.verify(password, hash).await?;
    match user {
        Some(user) if right && user.active => world.write(move |tx| begin_session(tx, user.id, limits)).await,
        Some(user) => {
            let left_out = hashing.admit_failure(&user, now);
            world.write(move |tx| note_failure(tx, user.id, left_out)).await?;
            Err(Refusal::new(Code::SignInFailed).into())
        }
        None => {
            hashing.note_stranger(login, now);
            Err(Refusal::new(Code::SignInFailed).into())
        }
    }
}

/// Changes the actor's own password; `session` stays, their others end.
///
/// # Errors
/// When the old one is wrong (too often: `auth.slow_down`), or the new one may not be taken. Pointers are
/// `/old_password` and `/new_password`.
pub async fn change_password(
    world: &World,
    hashing: &Hashing,
    actor: &Actor,
    session: Option<SessionId>,
    (old, new): (String, String),
) -> Outcome<()> {
    let id = actor.user_id.ok_or_else(Refusal::missing)?;
    let user = world.read(move |read| Ok(users::find(read.conn, id)?.ok_or_else(Refusal::missing)?)).await?;
    let mut check = Check::new();
    check_password(&mut check, "/new_password", &new, &user.login);
    check.done(())?;
    if let Some(seconds) = standing(&user).wait(world.clock.machine_now()) {
        return Err(Refusal::new(Code::SignInSlowedDown).with("seconds", seconds).into());
    }
    let held = user.password_hash.clone();
    if !hashing.verify(old, held.clone()).await? {
        let left_out = hashing.admit_failure(&user, world.clock.machine_now());
        world.write(move |tx| note_failure(tx, id, left_out)).await?;
        return Err(Refusal::field(Fault::at("/old_password", Code::SignInFailed)).into());
    }
    let hash = hashing.hash(new).await?;
    let actor = actor.clone();
    world.write(move |tx| set_own_password(tx, &actor, (held, hash), session)).await
}

fn standing(user: &UserRow) -> Standing {
    Standing { failures: user.failed_sign_ins, locked_until: user.locked_until }
}

/// Counts it; `left_out`: it goes on record too, with how many did not since the last one that did.
fn note_failure(tx: &mut Tx<'_>, id: UserId, left_out: Option<i64>) -> Outcome<()> {
    let Some(user) = users::lock(tx.conn, id)? else { return Ok(()) };
    let next = standing(&user).after_failure(tx.machine_now);
    // Logins that nobody has are not logged: people type passwords there.
    tracing::info!(user.id = %id, failures = next.failures, "sign-in failed");
    users::note_sign_in(tx.conn, id, next.failures, next.locked_until)?;
    if let Some(left_out) = left_out {
        let said = json!({"failures": next.failures, "left_out": left_out});
        record(tx, &Actor::system("sign-in"), Stream::User(id), "user.sign_in_failed", &said)?;
    }
    Ok(())
}

fn begin_session(tx: &mut Tx<'_>, id: UserId, limits: SessionLimits) -> Outcome<SignedIn> {
    let Some(user) = users::lock(tx.conn, id)?.filter(|user| user.active) else {
        return Err(Refusal::new(Code::SignInFailed).into());
    };
    if user.failed_sign_ins > 0 || user.locked_until.is_some() {
        users::note_sign_in(tx.conn, id, 0, None)?;
    }
    let (secret, csrf_token) = (new_secret()?, new_secret()?);
    let row = SessionRow {
        id: tx.id(),
        token_hash: hash_secret(&secret).to_vec(),
        user_id: id,
        csrf_token: csrf_token.clone(),
        created_at: tx.machine_now,
        seen_at: tx.machine_now,
        expires_at: tx.machine_now.plus(TimeDelta::from_std(limits.length).unwrap_or(TimeDelta::days(30))),
    };
    sessions::insert(tx.conn, &row)?;
    let actor = Actor { user_id: Some(id), name: user.name.clone(), ..Actor::system("") };
    record(tx, &actor, Stream::User(id), "user.signed_in", &json!({ "session": row.id }))?;
    Ok(SignedIn { user_id: id, secret, csrf_token })
}

/// Ends the session the caller came with.
pub fn sign_out(tx: &mut Tx<'_>, actor: &Actor, session: SessionId) -> Outcome<()> {
    sessions::end(tx.conn, session)?;
    if let Some(user) = actor.user_id {
        users::lock(tx.conn, user)?;
        record(tx, actor, Stream::User(user), "user.signed_out", &json!({ "session": session }))?;
    }
    Ok(())
}

/// Ends any session of the actor's own, or of anybody's for the admin: whoever holds its cookie is out at once.
///
/// # Errors
/// When it isn't there, or is another's and the actor no admin.
pub fn end_session(tx: &mut Tx<'_>, actor: &Actor, id: SessionId) -> Outcome<()> {
    let row = sessions::find(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    if actor.user_id != Some(row.user_id) && actor.require(&[Role::Admin]).is_err() {
        return Err(Refusal::missing().into());
    }
    users::lock(tx.conn, row.user_id)?;
    sessions::end(tx.conn, id)?;
    record(tx, actor, Stream::User(row.user_id), "user.session_ended", &json!({ "session": id }))?;
    Ok(())
}

/// Notes that a token or a session is in use. Says nothing about the person, so it is no event.
pub fn touch(tx: &mut Tx<'_>, what: Touch) -> Outcome<()> {
    match what {
        Touch::Token(id, at) => tokens::touch(tx.conn, id, at)?,
        Touch::Session(id, at) => sessions::touch(tx.conn, id, at)?,
    }
    Ok(())
}

/// Forgets ended sessions and answers kept long enough. Every hour is often enough.
pub fn sweep(tx: &mut Tx<'_>) -> Outcome<()> {
    sessions::sweep(tx.conn, tx.machine_now)?;
    idempotency::sweep(tx.conn, tx.machine_now.minus(crate::actions::idempotency::KEPT_FOR))?;
    Ok(())
}

/// 256 bits from the system, as 43 characters.
pub fn new_secret() -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|fault| StoreError::Unavailable(format!("no random bytes: {fault}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl Hashing {
    /// Is this the password? Without a hash to compare with, it only takes the time.
    async fn verify(&self, password: String, hash: Option<String>) -> Outcome<bool> {
        self.at_leisure(move || {
            let real = hash.is_some();
            let hash = hash.unwrap_or_else(|| nobodys_hash().to_owned());
            verify_password(&password, &hash) && real
        })
        .await
    }

    /// The hash to keep for a new password.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub async fn hash(&self, password: String) -> Outcome<String> {
        Ok(self.at_leisure(move || hash_password(&password)).await??)
    }

    /// How many passwords were hashed since the start.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    async fn at_leisure<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok().ok_or(StoreError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.ok().ok_or(StoreError::Busy)?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((turn, admitted));
            result
        });
        Ok(done.await.map_err(|fault| StoreError::Panicked(fault.to_string()))?)
    }

    /// Does a failure of this user's go on record? Then how many did not since the last one that did.
    fn admit_failure(&self, user: &UserRow, now: Instant) -> Option<i64> {
        let failures = standing(user).after_failure(now).failures;
        self.throttle.admit(user.id, &failures.to_string(), now)
    }

    fn stranger(&self, login: &str) -> Standing {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.get(&hash_secret(login)).copied().unwrap_or_default()
    }

    fn note_stranger(&self, login: &str, now: Instant) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= STRANGERS {
            strangers.retain(|_, held| held.locked_until.is_some_and(|until| until.plus(MEMORY) > now));
        }
        if strangers.len() < STRANGERS {
            let held = strangers.entry(hash_secret(login)).or_default();
            *held = held.after_failure(now);
        }
    }
}

/// Makes what signing in compares strangers with, so that the first of them waits no longer than anybody. Blocks.
pub fn prepare() {
    nobodys_hash();
}

/// A hash that no password has, for logins that nobody has.
fn nobodys_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| new_secret().and_then(|secret| hash_password(&secret)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_beyond_the_fifth_double_the_wait_up_to_a_quarter_of_an_hour_and_are_forgotten() {
        let mut now: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut held = Standing::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            held = held.after_failure(now);
            let wait = held.wait(now).unwrap_or(0);
            waits.push(wait);
            now = now.plus(TimeDelta::seconds(wait));
        }
        assert_eq!(waits, [0, 0, 0, 0, 31, 61, 121, 241, 481, 901, 901, 901]);
        now = now.plus(MEMORY);
        assert_eq!(held.after_failure(now).failures, 1);
    }
}
