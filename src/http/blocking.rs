//! The road into the database for every handler: who is asking is looked up in the same transaction that answers.
//! The store bounds how many wait; beyond that they are told `Busy`.

use crate::actions::sign_in::{self, SignedIn};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::TokenScope;
use crate::http::identity::Credentials;
use crate::http::state::State;
use crate::queries::people::{self, Identity, Touch, Via};
use crate::transaction::{Failure, Outcome, Read, Tx};
use std::net::IpAddr;
use tracing::Span;

impl State {
    /// Looks, as whoever shows these credentials.
    pub async fn read<T, F>(&self, credentials: &Credentials, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Read<'_>, &Identity) -> Outcome<T> + Send + 'static,
    {
        let (credentials, idle, span) = (credentials.clone(), self.settings.sessions.idle, Span::current());
        let (answer, touch) = self
            .world
            .read(move |read| {
                let _entered = span.enter();
                let identity = people::identify(read, &credentials.credential, idle)?;
                Ok((f(read, &identity)?, identity.touch))
            })
            .await?;
        self.note(touch);
        Ok(answer)
    }

    /// Changes something, as whoever shows these credentials. Durable when this returns `Ok`.
    pub async fn write<T, F>(&self, credentials: &Credentials, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>, &Identity) -> Outcome<T> + Send + 'static,
    {
        let (credentials, idle, span) = (credentials.clone(), self.settings.sessions.idle, Span::current());
        let (answer, touch) = self
            .world
            .write(move |tx| {
                let _entered = span.enter();
                let identity = people::identify(&mut tx.read(), &credentials.credential, idle)?;
                may_write(&credentials, &identity)?;
                Ok((f(tx, &identity)?, identity.touch))
            })
            .await?;
        self.note(touch);
        Ok(answer)
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
