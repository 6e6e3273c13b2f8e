//! The world that the matrix walks through: eight callers, and rows of two units made when they are wanted.

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::round::PDF;
use diesel::prelude::*;
use rectify::store::schema::events;
use rectify::store::{Conn, StoreError};
use serde_json::{Value, json};

/// Unit A is 430502, unit B 430503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    LiaisonA,
    LeaderA,
    LiaisonB,
    Coordinator,
    Approver,
    Viewer,
    Admin,
}

/// Whose row is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    OfA,
    OfB,
    Absent,
}

/// How far a ticket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Issued,
    Taken,
    Submitted,
    Accepted,
    Closed,
    /// With a milestone that was reported.
    Carried,
}

pub const CALLERS: [Caller; 8] = [
    Caller::Anonymous,
    Caller::LiaisonA,
    Caller::LeaderA,
    Caller::LiaisonB,
    Caller::Coordinator,
    Caller::Approver,
    Caller::Viewer,
    Caller::Admin,
];
pub const COLUMNS: [Column; 3] = [Column::OfA, Column::OfB, Column::Absent];
/// An id that nothing has.
pub const NOBODY: &str = "01912345-0000-7000-8000-00000000dead";
/// Findings of one more notice, each of which is a ticket of A and one of B.
const FINDINGS: usize = 20;

impl Caller {
    /// How the tables name them.
    pub fn letter(self) -> char {
        match self {
            Self::Anonymous => '-',
            Self::LiaisonA => 'l',
            Self::LeaderA => 'd',
            Self::LiaisonB => 'b',
            Self::Coordinator => 'c',
            Self::Approver => 'p',
            Self::Viewer => 'v',
            Self::Admin => 'a',
        }
    }

    /// As `TestApp` knows them.
    pub fn login(self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::LiaisonA => Some("liaison"),
            Self::LeaderA => Some("leader"),
            Self::LiaisonB => Some("liaison2"),
            Self::Coordinator => Some("coordinator"),
            Self::Approver => Some("approver"),
            Self::Viewer => Some("viewer"),
            Self::Admin => Some("admin"),
        }
    }

    pub fn is_of_office(self) -> bool {
        matches!(self, Self::Coordinator | Self::Approver | Self::Viewer | Self::Admin)
    }

    /// Is the row of this column their own unit's?
    pub fn is_of(self, column: Column) -> bool {
        match self {
            Self::LiaisonA | Self::LeaderA => column == Column::OfA,
            Self::LiaisonB => column == Column::OfB,
            Self::Anonymous | Self::Coordinator | Self::Approver | Self::Viewer | Self::Admin => false,
        }
    }
}

pub struct Rows {
    pub app: TestApp,
    /// Tickets that nobody has touched, of A and of B.
    fresh: [Vec<String>; 2],
    notices: usize,
    serial: usize,
}

impl Rows {
    pub fn new(app: TestApp) -> Self {
        let leader = json!({"login": "leader2", "name": "领导", "email": "leader2@example.cn", "unit_id": "430503",
                            "roles": ["leader"], "password": crate::support::app::PASSWORD});
        app.by("admin").post("/api/v1/users", leader).is(201);
        Self { app, fresh: [Vec::new(), Vec::new()], notices: 0, serial: 0 }
    }

    pub fn by(&self, caller: Caller) -> Client {
        match caller.login() {
            Some(login) => self.app.by(login),
            None => self.app.anyone().with("Accept-Language", "en"),
        }
    }

    /// Events in all: what was refused adds none.
    pub fn events(&self) -> i64 {
        // That it was denied is noted, in the person's own timeline.
        let told = events::table.filter(events::act.ne("user.denied"));
        let count = |conn: &mut Conn| Ok::<_, StoreError>(told.count().get_result(conn)?);
        self.app.database.db.read_now::<i64, _, _>(count).unwrap()
    }

    /// A number that was never used.
    pub fn next(&mut self) -> usize {
        self.serial += 1;
        self.serial
    }

    fn liaison(column: Column) -> &'static str {
        if column == Column::OfB { "liaison2" } else { "liaison" }
    }

    pub fn unit(column: Column) -> &'static str {
        match column {
            Column::OfA => "430502",
            Column::OfB => "430503",
            Column::Absent => "439999",
        }
    }

    fn post(&self, login: &str, path: &str, body: Value) -> Value {
        let answer = self.app.by(login).post(&format!("/api/v1{path}"), body);
        assert!(matches!(answer.status, 200 | 201), "{login} {path}: {}", answer.text());
        answer.json()
    }

    /// A notice that is issued to these units; its code.
    pub fn notice(&mut self, units: &[&str], findings: usize) -> String {
        let code = self.draft(units, findings);
        self.post("coordinator", &format!("/notices/{code}/issue"), json!({}));
        code
    }

    pub fn draft(&mut self, units: &[&str], findings: usize) -> String {
        self.notices += 1;
        let code = format!("M{}", self.notices);
        let notice =
            json!({"code": code, "title": "检查通报", "deadline": {"on": "2026-03-13"}, "feedback_to": "office"});
        self.post("coordinator", "/notices", notice);
        for index in 0..findings {
            let finding = json!({"code": format!("F{index:02}"), "title": "栏目更新不及时", "text": "更新不及时",
                                 "unit_ids": units, "open_ended": true});
            self.post("coordinator", &format!("/notices/{code}/findings"), finding);
        }
        let asked = json!([{"code": "R1", "text": "落实制度", "unit_ids": units}]);
        self.app.by("coordinator").put(&format!("/api/v1/notices/{code}/requirements"), asked).is(200);
        code
    }

    /// A ticket that has come so far; its reference.
    pub fn ticket(&mut self, column: Column, stage: Stage) -> String {
        let index = match column {
            Column::OfA => 0,
            Column::OfB => 1,
            // Of a notice that concerns both.
            Column::Absent => return "M1-F99-01".to_owned(),
        };
        if self.fresh[index].is_empty() {
            let code = self.notice(&["430502", "430503"], FINDINGS);
            for finding in 0..FINDINGS {
                self.fresh[0].push(format!("{code}-F{finding:02}-01"));
                self.fresh[1].push(format!("{code}-F{finding:02}-02"));
            }
        }
        let reference = self.fresh[index].pop().unwrap();
        self.bring(column, &reference, stage);
        reference
    }

    fn bring(&mut self, column: Column, reference: &str, stage: Stage) {
        let unit = Self::liaison(column);
        let act = |rows: &Self, login: &str, act: &str, body: Value| {
            rows.post(login, &format!("/tickets/{reference}/{act}"), body);
        };
        if stage == Stage::Issued {
            return;
        }
        act(self, unit, "acknowledge", json!({"handler": "张三"}));
        match stage {
            Stage::Issued | Stage::Taken => {}
            Stage::Carried => {
                let plan = json!({"reason": "需立项", "milestones": [{"on": "2026-04-01", "text": "立项"}]});
                act(self, "approver", "carry", plan);
                let milestone = self.milestone_of(reference);
                act(self, unit, "progress", json!({"text": "已立项", "milestone_id": milestone}));
            }
            Stage::Submitted | Stage::Accepted | Stage::Closed => {
                self.post(unit, "/feedback", Self::answer(reference));
                if stage != Stage::Submitted {
                    act(self, "coordinator", "review", json!({"decision": "accept"}));
                }
                if stage == Stage::Closed {
                    act(self, "coordinator", "look-back", json!({"outcome": "pass", "method": "抽查", "note": "属实"}));
                }
            }
        }
    }

    /// An account of a unit; its code.
    pub fn account(&mut self, column: Column) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let code = format!("account-{}", self.next());
        let account = json!({"code": code, "kind": "new_media", "name": "政务微博", "platform": "sina_weibo",
                             "unit_id": Self::unit(column)});
        self.post("coordinator", "/assets", account);
        code
    }

    /// A letter about one ticket.
    pub fn answer(reference: &str) -> Value {
        let notice = reference.split('-').next().unwrap();
        json!({"notice_id": notice, "letter_no": "函〔2026〕3号", "signatory": "李四",
               "items": [{"ticket_id": reference, "cause": "人手不足", "measures": "已补齐", "result": "done",
                          "completed_on": "2026-03-01"}]})
    }

    pub fn milestone_of(&self, reference: &str) -> String {
        let ticket = self.app.by("coordinator").get(&format!("/api/v1/tickets/{reference}")).is(200);
        ticket.at("/milestones/0/id")
    }

    /// A request that waits: an extension or an objection, and its ticket.
    pub fn request(&mut self, column: Column, kind: &str) -> (String, String) {
        if column == Column::Absent {
            return (NOBODY.to_owned(), self.ticket(column, Stage::Issued));
        }
        let reference = self.ticket(column, Stage::Issued);
        let (login, body) = match (kind, column) {
            ("extensions", _) => {
                (Self::liaison(column), json!({"working_days": 5, "reason": "需采购", "progress": "过半"}))
            }
            (_, Column::OfB) => ("leader2", json!({"reason": "非本单位", "proposed_unit_id": "sjj"})),
            _ => ("leader", json!({"reason": "非本单位", "proposed_unit_id": "sjj"})),
        };
        let asked = if login == "leader2" {
            // Whose token the app doesn't hold.
            let token = self.post("admin", "/tokens?user=leader2", json!({"name": "t"}));
            let leader = self.app.anyone().bearer(token["secret"].as_str().unwrap());
            leader.post(&format!("/api/v1/tickets/{reference}/{kind}"), body).is(201).json()
        } else {
            self.post(login, &format!("/tickets/{reference}/{kind}"), body)
        };
        (asked["id"].as_str().unwrap().to_owned(), reference)
    }

    /// A letter that was filed.
    pub fn letter(&mut self, column: Column) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let reference = self.ticket(column, Stage::Issued);
        let letter = self.post(Self::liaison(column), "/feedback", Self::answer(&reference));
        letter["id"].as_str().unwrap().to_owned()
    }

    /// A file that belongs to a ticket.
    pub fn file(&mut self, column: Column) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let reference = self.ticket(column, Stage::Taken);
        let login = Self::liaison(column);
        let sent = self.app.by(login).upload("/api/v1/attachments", &[("证明.pdf", PDF)]).is(201);
        let id = sent.at("/items/0/id");
        self.post(login, &format!("/tickets/{reference}/progress"), json!({"text": "附件", "attachment_ids": [id]}));
        id
    }

    /// A finding of a notice that is issued, or still a draft.
    pub fn finding(&mut self, column: Column, is_issued: bool) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let units = [Self::unit(column)];
        let code = if is_issued { self.notice(&units, 1) } else { self.draft(&units, 1) };
        let found = self.app.by("coordinator").get(&format!("/api/v1/notices/{code}/findings")).is(200);
        found.at("/items/0/id")
    }

    /// The code of the notice made last.
    pub fn last_notice(&self) -> String {
        format!("M{}", self.notices)
    }

    /// A notice that is issued to one unit only.
    pub fn issued(&mut self, column: Column) -> String {
        if column == Column::Absent { "M0".to_owned() } else { self.notice(&[Self::unit(column)], 1) }
    }

    pub fn drafted(&mut self, column: Column) -> String {
        if column == Column::Absent { "M0".to_owned() } else { self.draft(&[Self::unit(column)], 1) }
    }

    /// An issued notice without an open ticket.
    pub fn finished(&mut self, column: Column) -> String {
        if column == Column::Absent {
            return "M0".to_owned();
        }
        let code = self.notice(&[Self::unit(column)], 1);
        self.post("approver", &format!("/tickets/{code}-F00-01/cancel"), json!({"reason": "重复"}));
        code
    }

    /// A mail to somebody of this unit, in a state from which `act` leads.
    pub fn mail(&mut self, column: Column, act: &str) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        // Urged at once, so that there is one more.
        let reference = self.ticket(column, Stage::Issued);
        self.post("coordinator", &format!("/tickets/{reference}/urge"), json!({}));
        let to = Self::liaison(column);
        let found = self.app.by("coordinator").get(&format!("/api/v1/messages?state=queued&recipient={to}&limit=1"));
        let id = found.is(200).at("/items/0/id");
        if act == "release" {
            self.post("coordinator", &format!("/messages/{id}/hold"), json!({}));
        }
        if act == "retry" {
            self.kill(&id);
        }
        id
    }

    /// As if the server had refused the mail for good.
    fn kill(&self, id: &str) {
        use rectify::store::schema::messages;
        let id: rectify::domain::id::MessageId = id.parse().unwrap();
        let dead = move |conn: &mut Conn| {
            let row = diesel::update(messages::table.filter(messages::id.eq(id)));
            Ok::<_, StoreError>(row.set(messages::state.eq("dead")).execute(conn)?)
        };
        self.app.database.db.write_now(dead).unwrap();
    }

    pub fn login(column: Column) -> &'static str {
        match column {
            Column::OfA => "liaison",
            Column::OfB => "liaison2",
            Column::Absent => "nobody",
        }
    }

    /// A token of the liaison's.
    pub fn token(&self, column: Column) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let made = self.post(Self::liaison(column), "/tokens", json!({"name": "夜间导出"}));
        made["id"].as_str().unwrap().to_owned()
    }

    /// A session of the liaison's.
    pub fn session(&self, column: Column) -> String {
        if column == Column::Absent {
            return NOBODY.to_owned();
        }
        let login = Self::liaison(column);
        let signed_in = json!({"login": login, "password": crate::support::app::PASSWORD});
        self.app.anyone().post("/api/v1/session", signed_in).is(201);
        let held = self.app.by(login).get("/api/v1/sessions?limit=200").is(200).json();
        held["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A rule beside the shipped ones; it belongs to no unit.
    pub fn rule(&mut self, column: Column) -> String {
        if column == Column::Absent {
            return "no-such-rule".to_owned();
        }
        let code = format!("own-{}", self.next());
        self.post("admin", "/reminder-rules", new_rule(&code));
        code
    }
}

pub fn new_rule(code: &str) -> Value {
    json!({"code": code, "name_zh": "距到期 9 个工作日", "name_en": "Due in 9 working days", "subject": "ticket",
           "anchor": "due", "offsets": [-9], "states": ["issued", "in_progress"], "audience": [{"who": "liaison"}],
           "delivery": "digest"})
}
