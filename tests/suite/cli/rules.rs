//! `rectify rules` and `rectify import calendar`: as files, tried first, all or nothing.

use super::Room;
use rectify::domain::calendar::DayMark;
use rectify::store::reference;
use serde_json::json;

const YEAR: &str = "date,kind,name\n2027-01-01,holiday,元旦\n2027-01-02,holiday,元旦\n2027-01-03,holiday,元旦\n2027-01-09,workday,元旦\n";

fn begun() -> Room {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    room
}

#[test]
fn rules_go_out_as_a_file_and_come_in_again() {
    let room = begun();
    let listed = room.run(&["rules", "list", "--json"]).ok().json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[2]["code"]), (20, &"before-7".into()));
    assert!(room.run(&["rules", "list", "--lang", "en"]).ok().out.contains("Due in 7 working days"));
    let one = room.run(&["rules", "show", "before-7"]).ok().out;
    assert!(one.starts_with("[[rules]]\ncode = \"before-7\"\n"), "{one}");
    assert_eq!(room.run(&["rules", "show", "before-7", "--json"]).ok().json()["version"], 1);
    assert_eq!(room.run(&["rules", "show", "none"]).code, 1);
    let all = room.run(&["rules", "export"]).ok().out;
    let file = room.file("rules.toml", &all);
    let events = room.events();
    let same = room.run(&["rules", "import", &file, "--json"]).ok().json();
    assert_eq!(
        (&same["created"], &same["changed"], same["unchanged"].as_array().unwrap().len()),
        (&json!([]), &json!([]), 20)
    );
    assert_eq!(room.events(), events);

    let other = all.replace("offsets = [-7]", "offsets = [-6]").replace("code = \"overdue-3\"", "code = \"overdue-4\"");
    let file = room.file("other.toml", &other);
    let tried = room.run(&["rules", "import", &file, "--dry-run", "--json"]).ok().json();
    assert_eq!(
        (&tried["dry_run"], &tried["created"], &tried["changed"]),
        (&true.into(), &json!(["overdue-4"]), &json!(["before-7"]))
    );
    assert_eq!(room.events(), events);
    let told = room.run(&["rules", "import", &file, "--lang", "en"]).ok().out;
    assert!(told.contains("created: overdue-4") && told.contains("changed: before-7"), "{told}");
    assert_eq!(room.run(&["rules", "show", "before-7", "--json"]).ok().json()["offsets"], json!([-6]));
    assert_eq!(room.run(&["rules", "list", "--json"]).ok().json().as_array().unwrap().len(), 21);
}

#[test]
fn a_faulty_file_of_rules_changes_nothing() {
    let room = begun();
    let all = room.run(&["rules", "export"]).ok().out;
    let events = room.events();
    for (name, text, told) in [
        ("syntax", "[[rules]]\ncode = 1".to_owned(), "line"),
        ("offsets", all.replace("offsets = [-7]", "offsets = [-7, -8]"), "before-7"),
        ("twice", format!("{all}\n{all}"), "assigned"),
    ] {
        let done = room.run(&["rules", "import", &room.file(name, text), "--lang", "en"]);
        assert_eq!(done.code, 1, "{name}");
        assert!(done.err.contains(told), "{name}: {}", done.err);
    }
    assert_eq!(room.run(&["rules", "import", "nowhere.toml"]).code, 1);
    assert_eq!(room.run(&["rules", "import"]).code, 2);
    assert_eq!(room.events(), events);
}

#[test]
fn a_year_of_the_calendar_is_tried_and_then_taken_in() {
    let room = begun();
    let events = room.events();
    let file = room.file("2027.csv", YEAR);
    let tried = room.run(&["import", "calendar", &file, "--dry-run", "--json"]).ok().json();
    assert_eq!((&tried["dry_run"], &tried["years"]), (&true.into(), &json!([2027])));
    assert_eq!(tried["changes"]["deadlines"], 0);
    assert_eq!(room.events(), events);
    let done = room.run(&["import", "calendar", &file, "--lang", "en"]).ok().out;
    assert!(done.starts_with("Taken in: 2027."), "{done}");
    assert_eq!(room.events(), events + 1);
    room.run(&["import", "calendar", &file]).ok();
    assert_eq!(room.events(), events + 1, "the same again");
    let toml = include_str!("../../../config/calendars/cn.toml");
    room.run(&["import", "calendar", &room.file("cn.toml", toml)]).ok();
    assert_eq!(room.events(), events + 1, "what is there already");
}

#[test]
fn a_faulty_calendar_is_told_by_its_cells() {
    let room = begun();
    let file =
        room.file("bad.csv", YEAR.replace("2027-01-09", "2027-01-11").replace("2027-01-01,holiday", "2027-01-01,off"));
    let done = room.run(&["import", "calendar", &file, "--lang", "en"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("bad.csv:2") && done.err.contains("bad.csv:5"), "{}", done.err);
    let wrong = room.file("us.toml", "code = \"us\"\nname = \"x\"\nversion = 1\n[years.2027]\ndays = []\n");
    assert_eq!(room.run(&["import", "calendar", &wrong]).code, 1);
    let broken = room.file("broken.toml", "code = ");
    assert_eq!(room.run(&["import", "calendar", &broken]).code, 1);
    assert!(room.run(&["import", "--help"]).ok().out.contains("calendar"));
}

#[test]
fn a_server_takes_in_shipped_years_of_which_nothing_is_known() {
    let room = begun();
    let drop_years = |keep_a_day: bool| {
        room.open()
            .world
            .write_now(move |tx| {
                let held = (*tx.office.calendar).clone();
                let mut fewer = held.clone().only_years(|year| year < 2026).in_version(held.version + 1);
                if keep_a_day {
                    fewer = fewer.with_day("2026-05-01".parse().unwrap(), DayMark::Holiday, None).unwrap();
                }
                reference::save_calendar(tx.conn, &fewer, |year| year >= 2026)?;
                tx.raise_reference()
            })
            .unwrap();
    };
    let is_known = || room.open().world.read_now(|read| Ok(read.office.calendar.covers(2026))).unwrap();
    drop_years(false);
    assert!(!is_known());
    drop(room.server(&["serve"]));
    assert!(is_known());
    drop_years(true);
    drop(room.server(&["serve"]));
    assert!(!is_known(), "a day of it was edited");
}
