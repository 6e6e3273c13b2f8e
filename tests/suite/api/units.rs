//! Units: the tree, groups, and who sees whose contacts.

use crate::support::app::TestApp;
use serde_json::{Value, json};

#[test]
fn a_unit_is_made_read_and_changed_field_by_field() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let new = json!({
        "code": "430511", "name": "北塔区人民政府", "name_en": "Beita District", "kind": "district",
        "parent_id": "office", "contacts": {"mailbox": "bt@EXAMPLE.cn"},
    });
    let made = admin.post("/api/v1/units", new).is(201);
    let id = made.at("/id");
    assert_eq!(made.header("location"), Some(format!("/api/v1/units/{id}").as_str()));
    let expected = json!({
        "id": id, "code": "430511", "name": "北塔区人民政府", "kind": "district", "short_name": "北塔区人民政府",
        "name_en": "Beita District", "parent_id": admin.get("/api/v1/units/office").at("/id"), "members": [],
        "contacts": {"mailbox": "bt@example.cn", "backup_mailbox": null}, "active": true, "version": 1,
    });
    assert_eq!(made.json(), expected);
    assert_eq!(admin.get("/api/v1/units/430511").is(200).json(), expected);
    assert_eq!(admin.get(&format!("/api/v1/units/{id}")).is(200).json(), expected);
    let change = json!({"short_name": "北塔区", "parent_id": null, "contacts": {"backup_mailbox": "b@example.cn"}});
    let changed = admin.patch("/api/v1/units/430511", change).is(200).json();
    assert_eq!((&changed["short_name"], &changed["parent_id"]), (&"北塔区".into(), &Value::Null));
    assert_eq!(changed["contacts"], json!({"mailbox": "bt@example.cn", "backup_mailbox": "b@example.cn"}));
    assert_eq!((&changed["name"], &changed["version"]), (&"北塔区人民政府".into(), &2.into()));
    let cleared = admin.patch("/api/v1/units/430511", json!({"contacts": null, "active": false})).is(200).json();
    assert_eq!(cleared["contacts"], json!({"mailbox": null, "backup_mailbox": null}));
    assert_eq!(cleared["active"], false);
    let wrong = admin.patch("/api/v1/units/430511", json!({"name": null, "active": null, "kind": null}));
    assert_eq!(wrong.problem(), "422 request.invalid /kind field.required /active field.required /name field.required");
}

#[test]
fn a_code_belongs_to_one_unit() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let taken = admin.post("/api/v1/units", json!({"code": "sjj", "name": "n", "kind": "zone"}));
    assert_eq!(taken.problem(), "409 duplicate");
    assert!(taken.at("/detail").contains("sjj"));
    assert_eq!(admin.patch("/api/v1/units/430503", json!({"code": "sjj"})).problem(), "409 duplicate");
    let id_like = json!({"code": "0193aaaa-0000-7000-8000-000000000000", "name": "n", "kind": "zone"});
    assert_eq!(admin.post("/api/v1/units", id_like).problem(), "422 request.invalid /code field.format");
}

#[test]
fn the_tree_has_no_circles_and_groups_stand_outside_it() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let change = |unit: &str, body: Value| admin.patch(&format!("/api/v1/units/{unit}"), body);
    assert_eq!(change("430502", json!({"parent_id": "430502-edu"})).problem(), "409 unit.cycle");
    assert_eq!(change("430502", json!({"parent_id": "430502"})).problem(), "409 unit.cycle");
    assert_eq!(
        change("430502", json!({"parent_id": "depts"})).problem(),
        "422 request.invalid /parent_id unit.is_group"
    );
    assert_eq!(
        change("depts", json!({"parent_id": "office"})).problem(),
        "422 request.invalid /parent_id unit.is_group"
    );
    assert_eq!(
        change("430502", json!({"parent_id": "none"})).problem(),
        "422 request.invalid /parent_id field.reference"
    );
    assert_eq!(change("depts", json!({"kind": "office"})).problem(), "422 request.invalid /kind field.not_allowed");
    assert_eq!(change("sjj", json!({"kind": "group"})).problem(), "422 request.invalid /kind field.not_allowed");
    assert_eq!(
        change("sjj", json!({"members": ["430503"]})).problem(),
        "422 request.invalid /members field.not_allowed"
    );
    let members = json!({"members": ["430503", "sjj", "430503", "depts"]});
    assert_eq!(
        change("depts", members).problem(),
        "422 request.invalid /members/2 field.duplicate /members/3 field.not_allowed"
    );
    let changed = change("depts", json!({"members": ["430503", "sjj"]})).is(200);
    let (first, second) = (admin.get("/api/v1/units/430503").at("/id"), admin.get("/api/v1/units/sjj").at("/id"));
    assert_eq!(changed.json()["members"], json!([first, second]));
}

#[test]
fn lists_are_narrowed_by_kind_activity_parent_and_text() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let codes = |query: &str| -> Vec<String> {
        let items = admin.get(&format!("/api/v1/units?{query}")).is(200).json()["items"].clone();
        items.as_array().unwrap().iter().map(|unit| unit["code"].as_str().unwrap().to_owned()).collect()
    };
    admin.patch("/api/v1/units/430503", json!({"active": false})).is(200);
    assert_eq!(codes("active=false"), ["430503"]);
    assert_eq!(codes("kind=district&active=true"), ["430502"]);
    assert_eq!(codes("parent=430502"), ["430502-edu"]);
    assert_eq!(codes("q=%E5%AE%A1%E8%AE%A1"), ["sjj"]);
    assert_eq!(codes("q=100%25"), [""; 0]);
}

#[test]
fn others_see_id_code_name_and_kind_of_a_unit_and_nothing_more() {
    let app = TestApp::start();
    let keys = |unit: &Value| -> Vec<String> { unit.as_object().unwrap().keys().cloned().collect() };
    for login in ["liaison", "leader"] {
        let client = app.by(login);
        for unit in ["430503", "430502-edu", "office", "depts", "sjj"] {
            let answer = client.get(&format!("/api/v1/units/{unit}")).is(200);
            assert_eq!(keys(&answer.json()), ["id", "code", "name", "kind"], "{login} {unit}");
            assert_eq!(answer.header("etag"), Some("\"1\""));
        }
        assert_eq!(client.get("/api/v1/units/430502").is(200).at("/contacts/mailbox"), "box-430502@example.cn");
        let list = client.get("/api/v1/units").is(200);
        assert_eq!(list.json()["items"].as_array().unwrap().len(), 6);
        assert_eq!(list.text().matches("@example.cn").count(), 1);
    }
    for login in ["coordinator", "approver", "viewer", "admin"] {
        let contacts = app.by(login).get("/api/v1/units/430503").is(200);
        assert_eq!(contacts.at("/contacts/mailbox"), "box-430503@example.cn", "{login}");
    }
}

#[test]
fn only_the_admin_writes() {
    let app = TestApp::start();
    for login in ["coordinator", "approver", "viewer", "liaison", "leader"] {
        let new = json!({"code": "new", "name": "n", "kind": "zone"});
        assert_eq!(app.by(login).post("/api/v1/units", new).problem(), "403 auth.role", "{login}");
        let change = app.by(login).patch("/api/v1/units/430502", json!({"name": "x"}));
        assert_eq!(change.problem(), "403 auth.role", "{login}");
    }
}
