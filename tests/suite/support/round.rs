//! One inspection round for tests: a notice with findings for several units, drafted and issued over REST.

use crate::support::app::TestApp;
use crate::support::client::Answer;
use serde_json::{Value, json};

pub const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\nendobj\n%%EOF\n";

/// Drafts `2026Q1`: F01 for 430502 with 430503 helping, F02 for 430503, F03 for all departments (sjj).
/// The deadline is Friday, 13 March 2026: nine working days after `NOW`.
pub fn draft(app: &TestApp) -> Value {
    let coordinator = app.by("coordinator");
    let notice = coordinator
        .post(
            "/api/v1/notices",
            json!({
                "code": "2026Q1", "title": "2026年第一季度检查通报", "basis": "国办秘函〔2019〕19号",
                "sampling": {"from": "2026-01-05", "to": "2026-02-13"},
                "deadline": {"on": "2026-03-13", "raw": "于2026年3月13日前"}, "feedback_to": "office",
            }),
        )
        .is(201)
        .json();
    for finding in [
        json!({"code": "F01", "title": "栏目更新不及时", "text": "  双清区网站栏目更新不及时。\n第二段", "unit_ids": ["430502"],
               "co_unit_ids": ["430503"], "severity": "prominent", "open_ended": true}),
        json!({"code": "F02", "title": "自查不到位", "text": "大祥区自查不到位。", "unit_ids": ["430503"]}),
        json!({"code": "F03", "title": "公开不规范", "text": "市直部门公开不规范。", "unit_ids": ["depts"],
               "due_on": "2026-03-06"}),
    ] {
        coordinator.post("/api/v1/notices/2026Q1/findings", finding).is(201);
    }
    coordinator
        .put(
            "/api/v1/notices/2026Q1/requirements",
            json!([{"code": "R1", "text": "严格落实制度。", "unit_ids": ["430502", "depts"]},
                   {"code": "R2", "text": "对照整改。", "unit_ids": ["430503"]}]),
        )
        .is(200);
    notice
}

pub fn issue(app: &TestApp) -> Value {
    draft(app);
    app.by("coordinator").post("/api/v1/notices/2026Q1/issue", json!({})).is(200).json()
}

/// The unit takes F01 on.
pub fn acknowledged(app: &TestApp) -> Answer {
    issue(app);
    app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/acknowledge", json!({"handler": "张三"})).is(200)
}

/// A letter about F01 as 430502's liaison writes it.
pub fn letter() -> Value {
    json!({
        "notice_id": "2026Q1", "letter_no": "双政函〔2026〕3号", "signatory": "李四",
        "items": [{"ticket_id": "2026Q1-F01-01", "cause": "人手不足", "measures": "已补齐栏目内容",
                   "result": "done", "completed_on": "2026-03-01"}],
    })
}
