//! `rectify import`: dry, good, bad, again, in any encoding; all of a file or nothing.

use super::{Done, Room};
use rectify::actions::issue;
use rectify::actions::notices::{self, NewDeadline, NoticeFields};
use rectify::domain::actor::Actor;
use serde_json::Value;

const UNITS: &str = include_str!("../../../config/demo/units.csv");
const COVERAGE: &str = include_str!("../../../config/demo/coverage.csv");
const FINDINGS: &str = include_str!("../../../config/demo/zh/findings.csv");
const REQUIREMENTS: &str = include_str!("../../../config/demo/zh/requirements.csv");
const ASSETS: &str = include_str!("../../../config/demo/zh/assets.csv");

const USERS: &str = "登录名,姓名,邮箱,单位代码,角色,语言\n\
    sq,双清区联络员,sq@example.gov.cn,430502,联络员；单位负责人,中文\n\
    office,督办员,office@example.gov.cn,general-office,督办员,en\n";

impl Room {
    fn import(&self, kind: &str, bytes: impl AsRef<[u8]>, more: &[&str]) -> Done {
        let file = self.file(&format!("{kind}.csv"), bytes);
        self.run(&[&["import", kind, &file, "--lang", "en"], more].concat())
    }

    /// What came of every row.
    #[track_caller]
    fn counts(&self, kind: &str, bytes: impl AsRef<[u8]>, more: &[&str]) -> [u64; 3] {
        let answer = self.import(kind, bytes, &[more, &["--json"]].concat()).ok().json();
        ["created", "updated", "unchanged"].map(|name| answer[name].as_u64().unwrap())
    }

    fn draft(&self, code: &'static str) {
        let fields = NoticeFields {
            title: Some("通报".to_owned()),
            deadline: Some(Some(NewDeadline { on: "2026-12-31".parse().ok(), ..NewDeadline::default() })),
            feedback_to: Some(Some("approval".to_owned())),
            ..NoticeFields::default()
        };
        let world = self.open().world;
        world.write_now(move |tx| notices::create(tx, &Actor::system("test"), code, &fields)).unwrap();
    }
}

#[test]
fn a_dry_run_tells_what_an_import_does_and_writes_nothing() {
    let room = Room::new();
    assert_eq!(room.counts("units", UNITS, &["--dry-run"]), [19, 0, 0]);
    assert_eq!(room.events(), 0);
    assert_eq!(room.counts("units", UNITS, &[]), [19, 0, 0]);
    assert_eq!(room.events(), 19);
    let told = room.import("users", USERS, &["--dry-run"]).ok().out;
    assert!(told.starts_with("Dry run, nothing was changed.") && told.contains("create sq ("), "{told}");
    assert_eq!(room.events(), 19);
}

#[test]
fn what_is_there_is_recognised_in_any_encoding_and_leaves_no_event() {
    let room = Room::new();
    room.counts("units", UNITS, &[]);
    assert_eq!(room.counts("users", USERS, &[]), [2, 0, 0]);
    let events = room.events();
    let bom = [b"\xef\xbb\xbf", UNITS.as_bytes()].concat();
    let gb = |text| encoding_rs::GB18030.encode(text).0.into_owned();
    for (kind, bytes, rows) in [
        ("units", UNITS.as_bytes().to_vec(), 19),
        ("units", bom, 19),
        ("units", gb(UNITS), 19),
        ("users", gb(USERS), 2),
        ("users", USERS.replace('\n', "\r\n").replace(',', ";").replace('；', "、").into_bytes(), 0),
    ] {
        if rows > 0 {
            assert_eq!(room.counts(kind, bytes, &[]), [0, 0, rows]);
        }
    }
    let moved = USERS.replace("sq@", "sq2@");
    assert_eq!(room.counts("users", &moved, &[]), [0, 1, 1]);
    assert_eq!(room.counts("users", &moved, &[]), [0, 0, 2]);
    assert_eq!(room.events(), events + 1);
    let people: Value = room.run(&["user", "list", "--json"]).ok().json();
    let sq = people.as_array().unwrap().iter().find(|one| one["login"] == "sq").unwrap();
    assert_eq!((&sq["email"], &sq["has_password"]), (&"sq2@example.gov.cn".into(), &false.into()));
    assert_eq!(sq["roles"], serde_json::json!(["liaison", "leader"]));
}

#[test]
fn every_bad_row_is_told_at_once_with_line_column_and_reason_and_nothing_is_half_done() {
    let room = Room::new();
    let file = "code,name,kind,parent_code,member_codes,mailbox\n\
        good,好,部门,,,\n\
        a,甲,部门,b,,\n\
        b,乙,部门,a,,\n\
        c,丙,局长,,,not-an-address\n\
        d,丁,部门,nowhere,,\n\
        g,组,组,,good;nobody,\n\
        e,戊,部门,g,,\n";
    let done = room.import("units", file, &["--json"]).failed();
    let errors: Vec<(u64, String, String)> = done.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["row"].as_u64().unwrap(), e["column"].to_string(), e["code"].to_string()))
        .collect();
    // Cells are read first, then rows are held against each other.
    assert_eq!(errors.iter().map(|(row, ..)| *row).collect::<Vec<_>>(), [5, 5]);
    assert!(done.err.contains("units.csv:5 \"kind\": Choose one of county,"), "{}", done.err);

    let file = file.replace("局长", "部门").replace("not-an-address", "");
    let done = room.import("units", &file, &["--json"]).failed();
    let errors: Vec<(u64, String, String)> = done.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let text = |name: &str| e[name].as_str().unwrap().to_owned();
            (e["row"].as_u64().unwrap(), text("column"), text("code"))
        })
        .collect();
    let expected = [
        (3, "parent_code", "unit.cycle"),
        (4, "parent_code", "unit.cycle"),
        (6, "parent_code", "field.reference"),
        (7, "member_codes", "field.reference"),
        (8, "parent_code", "unit.is_group"),
    ];
    assert_eq!(errors, expected.map(|(row, column, code)| (row, column.to_owned(), code.to_owned())));
    assert!(done.err.contains("5 faults, nothing was changed."), "{}", done.err);
    assert_eq!(room.events(), 0);
    // In the reader's language, by the header the file has.
    let chinese = room.file("用户.csv", "登录名,姓名,邮箱,单位代码,角色\nx,某,x@example.cn,nowhere,联络员\n");
    let done = room.run(&["import", "users", &chinese]).failed();
    assert!(done.err.contains("用户.csv:2 “单位代码”：没有找到 nowhere。"), "{}", done.err);
}

#[test]
fn rows_may_name_each_other_in_any_order_and_a_parent_may_change_places_with_its_child() {
    let room = Room::new();
    let file = "code,name,kind,parent_code,member_codes\ng,组,组,,c;a\nc,丙,部门,b,\nb,乙,部门,a,\na,甲,部门,,\n";
    assert_eq!(room.counts("units", file, &[]), [4, 0, 0]);
    let turned = file.replace("c,丙,部门,b,", "c,丙,部门,,").replace("a,甲,部门,,", "a,甲,部门,c,");
    assert_eq!(room.counts("units", &turned, &[]), [0, 2, 2]);
    let circle = "code,name,kind,parent_code\nc,丙,部门,b\n";
    let done = room.import("units", circle, &[]).failed();
    assert!(done.err.contains("units.csv:2 \"parent_code\": b is below this unit."), "{}", done.err);
    // A unit stays one.
    let done = room.import("units", "code,name,kind\na,甲,组\n", &[]).failed();
    assert!(done.err.contains("units.csv:2 \"kind\""), "{}", done.err);
}

#[test]
fn a_column_that_is_left_out_keeps_its_values_and_an_empty_cell_clears_them() {
    let room = Room::new();
    room.counts("units", UNITS, &[]);
    assert_eq!(room.counts("units", "code,name,kind\n430502,双清区人民政府,区\n", &[]), [0, 0, 1]);
    assert_eq!(room.counts("units", "code,name,kind,mailbox\n430502,双清区人民政府,区,\n", &[]), [0, 1, 0]);
    let cleared = room.open().world.read_now(|read| {
        Ok(rectify::store::units::find_by_key(read.conn, "430502")?.map(|unit| (unit.mailbox, unit.backup_mailbox)))
    });
    assert_eq!(cleared.unwrap(), Some((None, Some("430502-backup@units.example".to_owned()))));
}

#[test]
fn a_notices_parts_go_into_its_draft_and_further_files_add_to_them() {
    let room = Room::new();
    room.counts("units", UNITS, &[]);
    let done = room.import("findings", FINDINGS, &[]).failed();
    assert!(done.err.contains("--notice: This is required."), "{}", done.err);
    let done = room.import("findings", FINDINGS, &["--notice", "2021Q2"]).failed();
    assert!(done.err.contains("--notice: There is no 2021Q2."), "{}", done.err);
    room.draft("2021Q2");
    let notice = ["--notice", "2021Q2"];
    let (sites, accounts): (Vec<&str>, Vec<&str>) = COVERAGE.lines().skip(1).partition(|line| line.contains("website"));
    let header = COVERAGE.lines().next().unwrap();
    let annex = |rows: &[&str]| format!("{header}\n{}\n", rows.join("\n"));
    assert_eq!(room.counts("coverage", annex(&sites), &notice), [14, 0, 0]);
    assert_eq!(room.counts("coverage", annex(&accounts), &notice), [14, 0, 0]);
    assert_eq!(room.counts("findings", FINDINGS, &notice), [4, 0, 0]);
    assert_eq!(room.counts("requirements", REQUIREMENTS, &notice), [10, 0, 0]);
    assert_eq!(room.counts("assets", ASSETS, &notice), [8, 0, 0]);
    let events = room.events();
    for (kind, file, rows) in [
        ("coverage", COVERAGE, 28),
        ("findings", FINDINGS, 4),
        ("requirements", REQUIREMENTS, 10),
        ("assets", ASSETS, 8),
    ] {
        assert_eq!(room.counts(kind, file, &notice), [0, 0, rows], "{kind}");
    }
    assert_eq!(room.events(), events);
    assert_eq!(room.counts("findings", FINDINGS.replace("emergency;market", "market;emergency"), &notice), [0, 1, 3]);
    assert_eq!(room.counts("coverage", COVERAGE.replace("szbm,website,32", "szbm,website,33"), &notice), [0, 1, 27]);

    let bad = "code,title,text,unit_codes,co_unit_codes\nF05,t,x,430502;nowhere,\nF06,t,x,430503,szbm;nobody\n";
    let done = room.import("findings", bad, &notice).failed();
    assert!(done.err.contains("findings.csv:2 \"unit_codes\": There is no nowhere."), "{}", done.err);
    assert!(done.err.contains("findings.csv:3 \"co_unit_codes\": There is no nobody."), "{}", done.err);
    let bad = "unit_code,kind,in_operation,prominent\n430502,website,1,0\nnowhere,website,1,0\n";
    let done = room.import("coverage", bad, &notice).failed();
    assert!(done.err.contains("coverage.csv:3 \"unit_code\": There is no nowhere."), "{}", done.err);
    assert_eq!(room.events(), events + 2);
}

#[test]
fn a_file_that_is_missing_or_no_table_is_told_plainly() {
    let room = Room::new();
    let done = room.run(&["import", "units", "/nowhere/units.csv", "--lang", "en"]).failed();
    assert!(done.err.starts_with("The file can't be read: /nowhere/units.csv"), "{}", done.err);
    let done = room.import("units", b"\0\x01\x02", &[]).failed();
    assert!(done.err.contains("can't be read as text"), "{}", done.err);
    let done = room.run(&["import", "letters", "x.csv"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("units, users, findings"), "{}", done.err);
}

#[test]
fn a_finding_of_a_file_may_repeat_one_that_was_issued_before() {
    let room = Room::new();
    room.counts("units", UNITS, &[]);
    room.counts("users", USERS, &[]);
    room.draft("2021Q2");
    room.counts("findings", "code,title,text,unit_codes\nF01,t,x,430502\n", &["--notice", "2021Q2"]);
    let world = room.open().world;
    world.write_now(|tx| issue::issue(tx, &Actor::system("test"), "2021Q2", None).map(|_| ())).unwrap();
    drop(world);
    room.draft("2021Q3");
    let notice = ["--notice", "2021Q3"];
    let again = "问题编号,问题标题,问题内容,责任单位代码,复发自\nF01,t,x,430502,2021Q2-F01\n";
    assert_eq!(room.counts("findings", again, &notice), [1, 0, 0]);
    assert_eq!(room.counts("findings", again, &notice), [0, 0, 1]);
    assert_eq!(room.counts("findings", again.replace("2021Q2-F01", ""), &notice), [0, 1, 0]);
    let done = room.import("findings", again.replace("2021Q2-F01", "2021Q2-F09"), &notice).failed();
    assert!(done.err.contains("There is no 2021Q2-F09."), "{}", done.err);
}
