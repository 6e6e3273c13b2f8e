//! What surrounds every page: the office's name, the places this role has, language, user, the sandbox's clock.

use crate::domain::ticket::Act;
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::queries::people::{Identity, Via};
use crate::transaction::Read;
use crate::web::assets;
use crate::web::audit::reads_record;
use crate::web::lens::{Lens, Moment};
use crate::web::rules::keeps_rules;
use crate::web::visit::Visit;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    #[serde(skip)]
    pub lang: Lang,
    pub office: String,
    pub user: Option<UserView>,
    /// The session's form token, for every form of the page.
    pub csrf: String,
    pub rail: Vec<Place>,
    pub languages: Vec<Language>,
    pub sandbox: Option<Clockwork>,
    /// What was just done.
    pub done: Option<&'static str>,
    /// Where this page lies, to come back to.
    pub target: String,
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct UserView {
    pub name: String,
    pub roles: String,
}

/// An entry of the rail.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    pub name: &'static str,
    pub href: &'static str,
    pub here: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Language {
    pub code: &'static str,
    pub name: &'static str,
    pub href: String,
    pub here: bool,
}

/// The sandbox's time, and whether this user may set it.
#[derive(Debug, Clone, Serialize)]
pub struct Clockwork {
    pub now: Moment,
    /// Stands still, or follows the system.
    pub stands: bool,
    pub may_set: bool,
    /// Local to the office, for the field.
    pub local: String,
}

impl Frame {
    #[must_use]
    pub fn of(visit: &Visit, read: &Read<'_>, who: Option<&Identity>, lens: &Lens) -> Self {
        let office = &read.office;
        Self {
            office: lens.lang.pick(&office.name_zh, &office.name_en).to_owned(),
            user: who.map(|who| user(who, lens.lang)),
            csrf: who.map_or_else(String::new, form_token),
            rail: who.map_or_else(Vec::new, |who| rail(who, &visit.path, lens)),
            languages: languages(visit, lens.lang),
            sandbox: clockwork(visit, who, lens),
            done: visit.asked("done").and_then(|word| done(word, lens)),
            target: visit.target(),
            ..Self::plain(lens.lang)
        }
    }

    /// Nothing but the sheet, where nothing can be looked up.
    #[must_use]
    pub fn plain(lang: Lang) -> Self {
        Self {
            lang,
            office: String::new(),
            user: None,
            csrf: String::new(),
            rail: Vec::new(),
            languages: Vec::new(),
            sandbox: None,
            done: None,
            target: "/".to_owned(),
            style: assets::STYLE.path(),
            script: assets::SCRIPT.path(),
            icon: assets::ICON.path(),
        }
    }
}

fn user(who: &Identity, lang: Lang) -> UserView {
    let roles: Vec<&str> = who.roles.iter().map(|role| role.name(lang)).collect();
    UserView { name: who.name.clone(), roles: roles.join(lang.pick("、", ", ")) }
}

/// A bearer of a token needs none.
fn form_token(who: &Identity) -> String {
    match &who.via {
        Via::Session { csrf_token, .. } => csrf_token.clone(),
        Via::Token { .. } => String::new(),
    }
}

fn rail(who: &Identity, path: &str, lens: &Lens) -> Vec<Place> {
    let office = who.roles.iter().any(|role| role.reads_all());
    let first = if office { lens.t("rail.desk") } else { lens.t("rail.my_work") };
    let mut places = vec![
        (first, "/"),
        (lens.t("rail.tickets"), "/tickets"),
        (lens.t("rail.notices"), "/notices"),
        (lens.t("rail.feedback"), "/feedback"),
    ];
    if office {
        places.push((lens.t("rail.assets"), "/assets"));
        places.push((lens.t("rail.statistics"), "/statistics"));
    }
    if sees_mail(who) {
        places.push((lens.t("rail.mail"), "/mail"));
        places.push((lens.t("rail.reminders"), "/reminders"));
    }
    if who.has(Role::Admin) {
        places.push((lens.t("hand_over.title"), "/hand-over"));
    }
    if keeps_rules(who) {
        places.extend([(lens.t("rail.rules"), "/rules"), (lens.t("rail.calendar"), "/calendar")]);
    }
    if reads_record(who) {
        places.push((lens.t("rail.audit"), "/audit"));
    }
    let here =
        |href: &str| if href == "/" { path == "/" } else { path == href || path.starts_with(&format!("{href}/")) };
    places.into_iter().map(|(name, href)| Place { name, href, here: here(href) }).collect()
}

/// Who reads the mails that went out.
#[must_use]
pub fn sees_mail(who: &Identity) -> bool {
    who.has_any(&[Role::Coordinator, Role::Admin, Role::Approver, Role::Viewer])
}

fn languages(visit: &Visit, lang: Lang) -> Vec<Language> {
    let target = visit.target();
    let joint = if target.contains('?') { '&' } else { '?' };
    let named = [(Lang::Zh, "中文"), (Lang::En, "English")];
    let language = |(code, name): (Lang, &'static str)| Language {
        code: code.as_str(),
        name,
        href: format!("{target}{joint}lang={code}"),
        here: code == lang,
    };
    named.into_iter().map(language).collect()
}

fn clockwork(visit: &Visit, who: Option<&Identity>, lens: &Lens) -> Option<Clockwork> {
    let clock = &visit.state.world.clock;
    (!clock.is_real()).then(|| Clockwork {
        now: lens.moment(lens.now),
        stands: clock.stands_at().is_some(),
        may_set: who.is_some_and(|who| who.has(Role::Admin)),
        local: lens.now.utc().with_timezone(&lens.zone).format("%Y-%m-%dT%H:%M").to_string(),
    })
}

/// What was just done, in words. Only words of ours are told.
fn done(word: &str, lens: &Lens) -> Option<&'static str> {
    let key = match word {
        "letter" => "done.letter",
        "issued" => "done.issued",
        "rule_saved" => "done.rule_saved",
        "calendar_saved" => "done.calendar_saved",
        "mail_retry" => "done.mail_retry",
        "mail_hold" => "done.mail_hold",
        "mail_release" => "done.mail_release",
        "mail_cancel" => "done.mail_cancel",
        "asset_saved" => "done.asset_saved",
        "asset_moved" => "done.asset_moved",
        "clock" => "done.clock",
        "clock_accepted" => "done.clock_accepted",
        "handed_over" => "done.handed_over",
        "units_added" => "done.units_added",
        "closed" => "done.notice_closed",
        "password" => "done.password",
        "session" => "done.session_ended",
        "token" => "done.token_revoked",
        act => return act.parse().ok().map(|act| done_act(act, lens)),
    };
    Some(lens.t(key))
}

fn done_act(act: Act, lens: &Lens) -> &'static str {
    match act {
        Act::Acknowledge => lens.t("done.acknowledge"),
        Act::Progress => lens.t("done.progress"),
        Act::Object => lens.t("done.object"),
        Act::DecideObjection => lens.t("done.decide_objection"),
        Act::Reassign => lens.t("done.reassign"),
        Act::Feedback | Act::RegisterLetter => lens.t("done.letter"),
        Act::Accept => lens.t("done.accept"),
        Act::Return => lens.t("done.return"),
        Act::PassLookBack => lens.t("done.look_back_pass"),
        Act::FailLookBack => lens.t("done.look_back_fail"),
        Act::Carry => lens.t("done.carry"),
        Act::DecideMilestone => lens.t("done.milestone"),
        Act::Cancel => lens.t("done.cancel"),
        Act::Reopen => lens.t("done.reopen"),
        Act::AskExtension => lens.t("done.extension"),
        Act::DecideExtension => lens.t("done.decide_extension"),
        Act::MoveDueDate => lens.t("done.due_date"),
        Act::Urge => lens.t("done.urge"),
        Act::Comment => lens.t("done.comment"),
    }
}
