//! The road into the database for every handler: who is asking is looked up in the same transaction that answers.
//! The store bounds how many wait; beyond that they are told `Busy`.

use crate::actions::access;
use crate::actions::sign_in::{self, SignedIn};
use crate::domain::actor::Actor;
use crate::domain::refusal::{Code, Kind, Refusal};
use crate::domain::vocabulary::TokenScope;
use crate::http::identity::Credentials;
use crate::http::state::State;
use crate::queries::people::{self, Identity, Touch, Via};
use crate::transaction::{Failure, Outcome, Read, Tx};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use tracing::Span;

/// Who was denied something, once it is known.
type Denied = Arc<OnceLock<Actor>>;

impl State {
    /// Looks, as whoever shows these credentials.
    pub async fn read<T, F>(&self, credentials: &Credentials, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Read<'_>, &Identity) -> Outcome<T> + Send + 'static,
    {
        let (credentials, idle, span) = (credentials.clone(), self.settings.sessions.idle, Span::current());
        let (denied, asked) = (Denied::default(), credentials.asked.clone());
        let whom = Arc::clone(&denied);
        let done = self
            .world
            .read(move |read| {
                let _entered = span.enter();
                let identity = people::identify(read, &credentials.credential, idle)?;
                Ok((f(read, &identity).inspect_err(|failure| tell(&whom, failure, &identity))?, identity.touch))
            })
            .await;
        self.finish(done, &denied, asked)
    }

    /// Changes something, as whoever shows these credentials. Durable when this returns `Ok`.
    pub async fn write<T, F>(&self, credentials: &Credentials, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>, &Identity) -> Outcome<T> + Send + 'static,
    {
        let (credentials, idle, span) = (credentials.clone(), self.settings.sessions.idle, Span::current());
        let (denied, asked) = (Denied::default(), credentials.asked.clone());
        let whom = Arc::clone(&denied);
        let done = self
            .world
            .write(move |tx| {
                let _entered = span.enter();
                let identity = people::identify(&mut tx.read(), &credentials.credential, idle)?;
                let answer = may_write(&credentials, &identity).map_err(Failure::from).and_then(|()| f(tx, &identity));
                Ok((answer.inspect_err(|failure| tell(&whom, failure, &identity))?, identity.touch))
            })
            .await;
        self.finish(done, &denied, asked)
    }

    /// Would a change by these credentials be let in at all? For what must be known before a body is taken.
    pub async fn admit(&self, credentials: &Credentials) -> Outcome<Identity> {
        self.admit_if(credentials, |_, _| Ok(())).await
    }

    /// `admit`, where `gate` lets them.
    pub async fn admit_if(
        &self,
        credentials: &Credentials,
        gate: impl FnOnce(&mut Read<'_>, &Identity) -> Outcome<()> + Send + 'static,
    ) -> Outcome<Identity> {
        let held = credentials.clone();
        self.read(credentials, move |read, identity| {
            may_write(&held, identity)?;
            gate(read, identity)?;
            Ok(identity.clone())
        })
        .await
    }

    /// The answer, with what is noted beside it: use, or denial.
    fn finish<T>(&self, done: Outcome<(T, Option<Touch>)>, denied: &Denied, asked: String) -> Outcome<T> {
        match done {
            Ok((answer, touch)) => {
                self.note(touch);
                Ok(answer)
            }
            Err(failure) => {
                if let (Failure::Refused(refusal), Some(actor)) = (&failure, denied.get()) {
                    self.note_denial(actor, asked, refusal.code);
                }
                Err(failure)
            }
        }
    }

    /// Puts it on record that somebody was denied something, after the answer and beside it.
    fn note_denial(&self, actor: &Actor, asked: String, code: Code) {
        let Some(user) = actor.user_id else { return };
        let Some(left_out) = self.denials.admit(user, &asked, self.world.clock.machine_now()) else { return };
        let (world, actor) = (self.world.clone(), actor.clone());
        actix_web::rt::spawn(async move {
            let noted = world.write(move |tx| access::note_denial(tx, &actor, &asked, code, left_out)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "a denial is not on record");
            }
        });
    }

    /// Signs somebody in who is at this address.
    ///
    /// # Errors
    /// As `actions::sign_in`, and where too many wrong passwords came from the address.
    pub async fn sign_in(&self, from: IpAddr, login: &str, password: String) -> Outcome<SignedIn> {
        let now = self.world.clock.machine_now();
        self.limits.sign_in(from, now)?;
        let sessions = self.settings.sessions;
        let outcome = sign_in::sign_in(&self.world, &self.hashing, sessions, login, password).await;
        if let Err(Failure::Refused(refusal)) = &outcome
            && refusal.code == Code::SignInFailed
        {
            self.limits.sign_in_failed(from, now);
        }
        outcome
    }

    /// Notes that token or session is in use, after the answer and beside it.
    fn note(&self, touch: Option<Touch>) {
        let Some(touch) = touch else { return };
        let world = self.world.clone();
        actix_web::rt::spawn(async move {
            if let Err(error) = world.write(move |tx| sign_in::touch(tx, touch)).await {
                tracing::debug!(%error, "last use not noted");
            }
        });
    }
}

/// Keeps who it was that was denied something.
fn tell(whom: &Denied, failure: &Failure, identity: &Identity) {
    if let Failure::Refused(refusal) = failure
        && refusal.code.kind() == Kind::Forbidden
    {
        whom.get_or_init(|| identity.actor.clone());
    }
}

fn may_write(credentials: &Credentials, identity: &Identity) -> Result<(), Refusal> {
    credentials.check_form_token(identity)?;
    match &identity.via {
        Via::Token { scopes: Some(scopes), .. } if !scopes.contains(&TokenScope::Write) => {
            let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            Err(Refusal::new(Code::TokenScope).with("scopes", words.join(", ")))
        }
        Via::Token { .. } | Via::Session { .. } => Ok(()),
    }
}
