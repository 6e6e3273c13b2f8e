//! The expectation table of the interface: one row a route. A route of the document that has no row fails the matrix; for
//! a new route, add a row here.
//!
//! Callers are named by letters: `l` liaison of A, `d` leader of A, `b` liaison of B, `c` coordinator, `p` approver,
//! `v` viewer, `a` admin. Whoever is not named lacks the role.

use super::rows::{Caller, Column, NOBODY, Rows, Stage, new_rule};
use crate::support::app::PASSWORD;
use serde_json::{Value, json};

/// Whoever is signed in.
pub const ALL: &str = "ldbcpva";
pub const OFFICE: &str = "cpva";
/// All but the one who only reads.
const SPEAKERS: &str = "ldbcpa";

/// Whose rows a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// No row is named: one column.
    Whole,
    /// Everybody sees every row.
    Everyone,
    /// The office all, a unit's people their unit's.
    Unit,
    /// The office all, nobody else any.
    Office,
    /// The liaison's own, all for the admin.
    Person,
}

/// What is told to whom neither holds the role nor sees the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// 403
    Role,
    /// 404
    Row,
}

#[derive(Debug, Clone, Copy)]
pub enum Want {
    Rule {
        who: &'static str,
        sight: Sight,
        first: First,
        ok: u16,
    },
    /// Anybody gets this.
    Public(u16),
    /// What no rule fits.
    Cells(fn(Caller, Column) -> u16),
}

#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Value),
    Files,
}

/// One request to a row: what stands for the path's parameters, the query, the body.
#[derive(Debug, Clone)]
pub struct Ask {
    pub keys: Vec<String>,
    pub query: String,
    pub body: Body,
}

pub type Asking = fn(&mut Rows, Column, Caller) -> Ask;

#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `METHOD /path` below the base, or outside it where the document says so.
    pub call: &'static str,
    pub want: Want,
    pub ask: Asking,
}

impl Ask {
    pub fn json(self, body: Value) -> Self {
        Self { body: Body::Json(body), ..self }
    }

    pub fn query(self, query: impl Into<String>) -> Self {
        Self { query: query.into(), ..self }
    }
}

impl Want {
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Rule { sight: Sight::Whole, .. } | Self::Public(_) => &[Column::OfA],
            Self::Rule { .. } | Self::Cells(_) => &super::rows::COLUMNS,
        }
    }

    pub fn status(self, caller: Caller, column: Column) -> u16 {
        let (who, sight, first, ok) = match self {
            Self::Public(ok) => return ok,
            Self::Cells(cells) => return cells(caller, column),
            Self::Rule { who, sight, first, ok } => (who, sight, first, ok),
        };
        if caller == Caller::Anonymous {
            return 401;
        }
        let holds = who.contains(caller.letter());
        let sees = match sight {
            Sight::Whole => true,
            _ if column == Column::Absent => false,
            Sight::Everyone => true,
            Sight::Office => caller.is_of_office(),
            Sight::Unit => caller.is_of_office() || caller.is_of(column),
            Sight::Person => caller == Caller::Admin || (caller.is_of(column) && caller != Caller::LeaderA),
        };
        match (first, holds, sees) {
            (_, true, true) => ok,
            (First::Role, false, _) | (First::Row, false, true) => 403,
            (First::Role, true, false) | (First::Row, _, false) => 404,
        }
    }
}

/// No row, nothing sent.
pub fn nothing(_: &mut Rows, _: Column, _: Caller) -> Ask {
    Ask { keys: Vec::new(), query: String::new(), body: Body::None }
}

pub fn key(key: impl Into<String>) -> Ask {
    Ask { keys: vec![key.into()], query: String::new(), body: Body::None }
}

fn body(body: Value) -> Ask {
    Ask { keys: Vec::new(), query: String::new(), body: Body::Json(body) }
}

/// Of no row.
pub fn whole(call: &'static str, who: &'static str, ok: u16, ask: Asking) -> Route {
    Route { call, want: Want::Rule { who, sight: Sight::Whole, first: First::Role, ok }, ask }
}

/// A row that everybody sees who sees its unit.
pub fn seen(call: &'static str, ask: Asking) -> Route {
    Route { call, want: Want::Rule { who: ALL, sight: Sight::Unit, first: First::Row, ok: 200 }, ask }
}

/// An act on such a row by who holds a role.
pub fn act(call: &'static str, who: &'static str, ok: u16, ask: Asking) -> Route {
    Route { call, want: Want::Rule { who, sight: Sight::Unit, first: First::Row, ok }, ask }
}

/// The office's own: whoever lacks the role hears that, whatever row it is.
pub fn kept(call: &'static str, who: &'static str, ok: u16, ask: Asking) -> Route {
    Route { call, want: Want::Rule { who, sight: Sight::Everyone, first: First::Role, ok }, ask }
}

pub fn routes() -> Vec<Route> {
    let mut all = service();
    for part in [people(), assets(), notices(), tickets(), letters(), engine()] {
        all.extend(part);
    }
    all
}

fn service() -> Vec<Route> {
    let public = |call, ok| Route { call, want: Want::Public(ok), ask: nothing };
    vec![
        public("GET /healthz", 200),
        public("GET /readyz", 200),
        whole("GET /metrics", OFFICE, 200, nothing),
        Route {
            call: "POST /session",
            want: Want::Public(201),
            ask: |_, _, _| body(json!({"login": "viewer", "password": PASSWORD})),
        },
        whole("DELETE /session", ALL, 204, nothing),
        whole("GET /me", ALL, 200, nothing),
        whole("GET /statistics", OFFICE, 200, nothing),
        whole("GET /overview", ALL, 200, nothing),
        whole("GET /audit", "va", 200, nothing),
        whole("GET /audit/verify", "va", 200, nothing),
        // Outside a sandbox it does not exist, for nobody.
        whole("POST /sandbox/clock", ALL, 404, |_, _, _| body(json!({"now": "2026-03-03T01:00:00Z"}))),
    ]
}

fn people() -> Vec<Route> {
    let own = |call, ask| Route {
        call,
        want: Want::Rule { who: ALL, sight: Sight::Person, first: First::Row, ok: 204 },
        ask,
    };
    vec![
        whole("GET /tokens", ALL, 200, nothing),
        whole("POST /tokens", ALL, 201, |_, _, _| body(json!({"name": "夜间导出"}))),
        Route {
            call: "GET /tokens",
            want: Want::Cells(anothers),
            ask: |_, column, _| query(format!("user={}", Rows::login(column))),
        },
        Route {
            call: "POST /tokens",
            want: Want::Cells(|caller, column| match anothers(caller, column) {
                200 => 201,
                other => other,
            }),
            ask: |_, column, _| query(format!("user={}", Rows::login(column))).json(json!({"name": "n"})),
        },
        whole("POST /me/password", ALL, 422, |_, _, _| {
            body(json!({"old_password": "not the present one", "new_password": "another long one"}))
        }),
        whole("GET /sessions", ALL, 200, nothing),
        Route {
            call: "GET /sessions",
            want: Want::Cells(anothers),
            ask: |_, column, _| query(format!("user={}", Rows::login(column))),
        },
        own("DELETE /sessions/{id}", |rows, column, _| key(rows.session(column))),
        own("DELETE /tokens/{id}", |rows, column, _| key(rows.token(column))),
        whole("GET /users", "a", 200, nothing),
        kept("GET /users/{id}", "a", 200, |_, column, _| key(Rows::login(column))),
        whole("POST /users", "a", 201, |rows, _, _| {
            let login = format!("u{}", rows.next());
            body(json!({"login": login, "name": "新人", "roles": ["viewer"]}))
        }),
        kept("PATCH /users/{id}", "a", 200, |_, column, _| key(Rows::login(column)).json(json!({"name": "改名"}))),
        kept("POST /users/{id}/erase", "a", 409, |_, column, _| {
            key(Rows::login(column)).json(json!({"dry_run": true}))
        }),
        kept("POST /users/{id}/hand-over", "a", 200, |_, column, _| {
            let heir = if column == Column::OfB { "leader2" } else { "leader" };
            key(Rows::login(column)).json(json!({"to": heir, "reason": "岗位调整", "dry_run": true}))
        }),
        whole("GET /units", ALL, 200, nothing),
        Route {
            call: "GET /units/{id}",
            want: Want::Rule { who: ALL, sight: Sight::Everyone, first: First::Row, ok: 200 },
            ask: |_, column, _| key(Rows::unit(column)),
        },
        whole("POST /units", "a", 201, |rows, _, _| {
            body(json!({"code": format!("n{}", rows.next()), "name": "新单位", "kind": "zone"}))
        }),
        kept("PATCH /units/{id}", "a", 200, |_, column, _| key(Rows::unit(column)).json(json!({"name": "改名区"}))),
        whole("POST /attachments", SPEAKERS, 201, |_, _, _| Ask {
            keys: Vec::new(),
            query: String::new(),
            body: Body::Files,
        }),
        seen("GET /attachments/{id}", |rows, column, _| key(rows.file(column))),
    ]
}

fn assets() -> Vec<Route> {
    vec![
        whole("GET /indicators", ALL, 200, nothing),
        whole("GET /assets", ALL, 200, nothing),
        whole("POST /assets", "ca", 201, |rows, _, _| {
            body(
                json!({"code": format!("site-{}", rows.next()), "kind": "website", "name": "门户网站", "unit_id": "430502"}),
            )
        }),
        seen("GET /assets/{id}", |rows, column, _| key(rows.account(column))),
        seen("GET /assets/{id}/events", |rows, column, _| key(rows.account(column))),
        act("PATCH /assets/{id}", "ca", 200, |rows, column, _| key(rows.account(column)).json(json!({"name": "改名"}))),
        act("POST /assets/{id}/transitions", "ca", 200, |rows, column, _| {
            key(rows.account(column)).json(json!({"to": "change_pending"}))
        }),
    ]
}

/// Another's tokens are the admin's business only; whether there is such a user is told to no one else.
fn anothers(caller: Caller, column: Column) -> u16 {
    match (caller, column) {
        (Caller::Anonymous, _) => 401,
        (Caller::Admin, Column::Absent) => 422,
        (Caller::Admin, _) | (Caller::LiaisonA, Column::OfA) | (Caller::LiaisonB, Column::OfB) => 200,
        _ => 403,
    }
}

fn query(query: String) -> Ask {
    Ask { keys: Vec::new(), query, body: Body::None }
}

fn notices() -> Vec<Route> {
    vec![
        whole("GET /notices", ALL, 200, nothing),
        whole("POST /notices", "c", 201, |rows, _, _| {
            body(json!({"code": format!("X{}", rows.next()), "title": "通报", "deadline": {"on": "2026-03-13"}}))
        }),
        seen("GET /notices/{id}", |rows, column, _| key(rows.issued(column))),
        // A draft is there for the office only.
        Route {
            call: "GET /notices/{id}",
            want: Want::Rule { who: ALL, sight: Sight::Office, first: First::Row, ok: 200 },
            ask: |rows, column, _| key(rows.drafted(column)),
        },
        kept("PATCH /notices/{id}", "c", 200, |rows, column, _| {
            key(rows.drafted(column)).json(json!({"title": "新题"}))
        }),
        act("GET /notices/{id}/coverage", OFFICE, 200, |rows, column, _| key(rows.issued(column))),
        kept("PUT /notices/{id}/coverage", "c", 200, |rows, column, _| {
            let row =
                json!([{"unit_id": "430502", "kind": "website", "in_operation": 3, "checked": 2, "prominent": 1}]);
            key(rows.drafted(column)).json(row)
        }),
        seen("GET /notices/{id}/requirements", |rows, column, _| key(rows.issued(column))),
        kept("PUT /notices/{id}/requirements", "c", 200, |rows, column, _| {
            key(rows.drafted(column)).json(json!([{"code": "R1", "text": "落实制度", "unit_ids": ["430502"]}]))
        }),
        kept("POST /notices/{id}/issue", "c", 200, |rows, column, _| key(rows.drafted(column)).json(json!({}))),
        kept("POST /notices/{id}/close", "c", 200, |rows, column, _| key(rows.finished(column)).json(json!({}))),
        seen("GET /notices/{id}/findings", |rows, column, _| key(rows.issued(column))),
        kept("POST /notices/{id}/findings", "c", 201, |rows, column, _| {
            let finding = json!({"code": "F99", "title": "题", "text": "文", "unit_ids": ["430502"]});
            key(rows.drafted(column)).json(finding)
        }),
        seen("GET /findings/{id}", |rows, column, _| key(rows.finding(column, true))),
        kept("POST /findings/{id}/units", "c", 200, |rows, column, _| {
            key(rows.finding(column, true)).json(json!({"unit_ids": ["sjj"], "dry_run": true}))
        }),
        kept("PATCH /findings/{id}", "c", 200, |rows, column, _| {
            key(rows.finding(column, false)).json(json!({"title": "改"}))
        }),
    ]
}

fn tickets() -> Vec<Route> {
    use Stage::{Accepted, Carried, Closed, Issued, Submitted, Taken};
    vec![
        whole("GET /tickets", ALL, 200, nothing),
        seen("GET /tickets/{id}", |rows, column, _| key(rows.ticket(column, Issued))),
        seen("GET /tickets/{id}/events", |rows, column, _| key(rows.ticket(column, Issued))),
        seen("GET /tickets/{id}/deadline", |rows, column, _| key(rows.ticket(column, Issued))),
        seen("GET /tickets/{id}/reminders", |rows, column, _| key(rows.ticket(column, Issued))),
        act("POST /tickets/{id}/acknowledge", "lb", 200, |rows, column, _| {
            key(rows.ticket(column, Issued)).json(json!({"handler": "张三"}))
        }),
        act("POST /tickets/{id}/progress", "lb", 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"text": "过半", "percent": 50}))
        }),
        act("POST /tickets/{id}/review", "c", 200, |rows, column, _| {
            key(rows.ticket(column, Submitted)).json(json!({"decision": "accept"}))
        }),
        act("POST /tickets/{id}/look-back", "c", 200, |rows, column, _| {
            key(rows.ticket(column, Accepted)).json(json!({"outcome": "pass", "method": "抽查", "note": "属实"}))
        }),
        act("POST /tickets/{id}/due-date", "p", 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"to": "2026-04-01", "reason": "假期"}))
        }),
        act("POST /tickets/{id}/carry", "p", 200, |rows, column, _| {
            let plan = json!({"reason": "需立项", "milestones": [{"on": "2026-04-01", "text": "立项"}]});
            key(rows.ticket(column, Taken)).json(plan)
        }),
        act("POST /tickets/{id}/milestones/{milestone_id}/decision", "c", 200, |rows, column, _| {
            let reference = rows.ticket(column, Carried);
            let milestone = if column == Column::Absent { NOBODY.to_owned() } else { rows.milestone_of(&reference) };
            Ask { keys: vec![reference, milestone], query: String::new(), body: Body::Json(json!({"reached": true})) }
        }),
        act("POST /tickets/{id}/cancel", "p", 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"reason": "重复"}))
        }),
        act("POST /tickets/{id}/reopen", "p", 200, |rows, column, _| {
            key(rows.ticket(column, Closed)).json(json!({"reason": "反弹", "due_on": "2026-04-01"}))
        }),
        act("POST /tickets/{id}/reassign", "c", 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"reason": "职责调整", "unit_id": "sjj"}))
        }),
        act("POST /tickets/{id}/urge", "c", 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"note": "请抓紧"}))
        }),
        act("POST /tickets/{id}/comment", SPEAKERS, 200, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"text": "知悉"}))
        }),
        act("POST /tickets/{id}/extensions", "ldb", 201, |rows, column, _| {
            key(rows.ticket(column, Taken)).json(json!({"to": "2026-03-27", "reason": "需采购", "progress": "过半"}))
        }),
        seen("GET /extensions/{id}", |rows, column, _| key(rows.request(column, "extensions").0)),
        act("POST /extensions/{id}/decision", "p", 200, |rows, column, _| {
            key(rows.request(column, "extensions").0).json(json!({"approve": true, "reason": "同意"}))
        }),
        act("POST /tickets/{id}/objections", "d", 201, |rows, column, _| {
            key(rows.ticket(column, Issued)).json(json!({"reason": "非本单位", "proposed_unit_id": "sjj"}))
        }),
        seen("GET /objections/{id}", |rows, column, _| key(rows.request(column, "objections").0)),
        act("POST /objections/{id}/decision", "c", 200, |rows, column, _| {
            key(rows.request(column, "objections").0).json(json!({"uphold": false, "reason": "仍由你单位办理"}))
        }),
        seen("GET /reminders/why", |rows, column, _| {
            let recipient = if column == Column::OfB { "liaison2" } else { "liaison" };
            query(format!("ticket={}&recipient={recipient}", rows.ticket(column, Issued)))
        }),
    ]
}

fn letters() -> Vec<Route> {
    vec![
        whole("GET /feedback", ALL, 200, nothing),
        seen("GET /feedback/{id}", |rows, column, _| key(rows.letter(column))),
        seen("GET /feedback/{id}/receipt", |rows, column, _| key(rows.letter(column))),
        // The ticket is named in the body, by a notice that concerns both units.
        Route {
            call: "POST /feedback",
            want: Want::Cells(|caller, column| match (caller, column) {
                (Caller::Anonymous, _) => 401,
                (Caller::Approver | Caller::Viewer | Caller::Admin, _) => 403,
                (_, Column::Absent) => 404,
                (Caller::Coordinator, _) => 201,
                _ if caller.is_of(column) => 201,
                _ => 404,
            }),
            ask: |rows, column, caller| {
                let mut letter = Rows::answer(&rows.ticket(column, Stage::Issued));
                if caller == Caller::Coordinator {
                    letter["unit_id"] = json!(if column == Column::OfB { "430503" } else { "430502" });
                    letter["received_on"] = json!("2026-03-02");
                }
                body(letter)
            },
        },
    ]
}

fn engine() -> Vec<Route> {
    let mut all = vec![
        whole("GET /engine", OFFICE, 200, nothing),
        // Nothing is held: whoever may say so hears that.
        whole("POST /engine/accept-clock", "a", 409, nothing),
        whole("GET /reminders", OFFICE, 200, nothing),
        whole("POST /reminders/rehearsal", OFFICE, 200, |_, _, _| {
            body(json!({"from": "2026-03-02T00:00:00Z", "to": "2026-03-09T00:00:00Z"}))
        }),
        whole("GET /messages", OFFICE, 200, nothing),
        kept("GET /messages/{id}", OFFICE, 200, |rows, column, _| key(rows.mail(column, "get"))),
        whole("GET /reminder-rules", "ca", 200, nothing),
        whole("POST /reminder-rules", "ca", 201, |rows, _, _| body(new_rule(&format!("new-{}", rows.next())))),
        kept("GET /reminder-rules/{code}", "ca", 200, |rows, column, _| key(rows.rule(column))),
        kept("PATCH /reminder-rules/{code}", "ca", 200, |rows, column, _| {
            key(rows.rule(column)).json(json!({"name_zh": "改"}))
        }),
        kept("DELETE /reminder-rules/{code}", "ca", 204, |rows, column, _| key(rows.rule(column))),
        Route {
            call: "GET /calendars/{code}/{year}",
            want: Want::Rule { who: ALL, sight: Sight::Everyone, first: First::Row, ok: 200 },
            ask: |_, column, _| Ask {
                keys: vec![calendar(column), "2026".to_owned()],
                query: String::new(),
                body: Body::None,
            },
        },
        Route {
            call: "GET /calendars/{code}/deadline",
            want: Want::Rule { who: ALL, sight: Sight::Everyone, first: First::Row, ok: 200 },
            ask: |_, column, _| key(calendar(column)).query("from=2026-03-02&working_days=5"),
        },
        kept("PUT /calendars/{code}/days/{date}", "a", 200, |rows, column, _| {
            let day = format!("2026-{:02}-{:02}", 5 + rows.next() % 6, 1 + rows.next() % 28);
            let mark = Body::Json(json!({"kind": "holiday", "name": "放假"}));
            Ask { keys: vec![calendar(column), day], query: String::new(), body: mark }
        }),
    ];
    let operations: [(&'static str, Asking); 4] = [
        ("POST /messages/{id}/retry", |rows, column, _| key(rows.mail(column, "retry"))),
        ("POST /messages/{id}/hold", |rows, column, _| key(rows.mail(column, "hold"))),
        ("POST /messages/{id}/release", |rows, column, _| key(rows.mail(column, "release"))),
        ("POST /messages/{id}/cancel", |rows, column, _| key(rows.mail(column, "cancel"))),
    ];
    all.extend(operations.map(|(call, ask)| kept(call, "c", 200, ask)));
    all
}

fn calendar(column: Column) -> String {
    if column == Column::Absent { "xx" } else { "cn" }.to_owned()
}
