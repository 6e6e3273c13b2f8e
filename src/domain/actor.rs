//! Who is acting, and what they may see. Built by the doors, asked by the rules.

use crate::domain::id::{UnitId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::role_required;
use crate::domain::vocabulary::Role;

/// The acting person, service account or the system itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `None` for the system (command line, engine).
    pub user_id: Option<UserId>,
    pub name: String,
    pub unit_id: Option<UnitId>,
    pub roles: Vec<Role>,
    pub scope: Scope,
}

/// Which units' rows an actor sees. Every other row does not exist for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Rows whose lead or co-unit is one of these: the actor's unit and all below it.
    Units(Vec<UnitId>),
}

impl Actor {
    /// The product itself, acting by its own rules.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self { user_id: None, name: name.to_owned(), unit_id: None, roles: Vec::new(), scope: Scope::All }
    }

    /// How the record names them: `user:<id>` or `system:<what>`.
    #[must_use]
    pub fn label(&self) -> String {
        self.user_id.map_or_else(|| format!("system:{}", self.name), |id| format!("user:{id}"))
    }

    /// May they do what asks for one of these roles?
    ///
    /// # Errors
    /// The refusal that names the roles. The system itself (command line) may do everything.
    pub fn require(&self, roles: &[Role]) -> Result<(), Refusal> {
        if self.user_id.is_none() || self.has_any(roles) { Ok(()) } else { Err(role_required(roles)) }
    }

    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    #[must_use]
    pub fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    /// Do they hold no role but the one that changes nothing?
    #[must_use]
    pub fn only_reads(&self) -> bool {
        !self.roles.is_empty() && self.roles.iter().all(|role| *role == Role::Viewer)
    }

    /// Is this unit the actor's own (not one below it)?
    #[must_use]
    pub fn is_of(&self, unit: UnitId) -> bool {
        self.unit_id == Some(unit)
    }
}

impl Scope {
    #[must_use]
    pub fn sees(&self, units: &[UnitId]) -> bool {
        match self {
            Self::All => true,
            Self::Units(own) => units.iter().any(|unit| own.contains(unit)),
        }
    }
}
