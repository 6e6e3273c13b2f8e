//! What one unit's people never see of another's, on any page they can reach.

use super::reader::{Page, app, reader};
use crate::support::round;
use std::collections::BTreeSet;

/// Words that stand only in what belongs to 430503 and sjj.
const FOREIGN: [&str; 4] = ["大祥区自查不到位", "市直部门公开不规范", "2026Q1-F02", "2026Q1-F03"];

#[test]
fn another_units_ticket_is_a_page_that_is_not_there() {
    let app = app();
    round::issue(&app);
    let liaison = reader(&app, "liaison");
    for path in [
        "/tickets/2026Q1-F02-01",
        "/tickets/2026Q1-F02-01?act=comment",
        "/tickets/2026Q1-F99-01",
        "/feedback/new?ticket=2026Q1-F02-01",
        "/feedback/01912345-0000-7000-8000-000000000001",
        "/notices/2026Q9",
        "/nowhere",
    ] {
        let page = Page::of(path, &liaison.client().with("Accept", "text/html").get(path).is(404));
        page.says("There is no such page");
    }
    let form = liaison.read("/tickets/2026Q1-F01-01?act=comment").form("/tickets/2026Q1-F01-01/comment");
    let forged = rewritten(form.fill("text", "x"), "/tickets/2026Q1-F02-01/comment");
    Page::of("forged", &forged.send(liaison.client()).is(404));
    assert_eq!(liaison.ask("/mail").status, 403);
}

fn rewritten(mut form: super::reader::Form, action: &str) -> super::reader::Form {
    action.clone_into(&mut form.action);
    form
}

#[test]
fn nothing_of_another_unit_stands_on_any_page_that_a_unit_can_reach() {
    let app = app();
    round::issue(&app);
    let liaison = reader(&app, "liaison");
    let mut seen = BTreeSet::new();
    let mut ahead = vec!["/".to_owned(), "/tickets?q=自查".to_owned(), "/notices/2026Q1".to_owned()];
    while let Some(path) = ahead.pop() {
        let path = path.split('#').next().unwrap().to_owned();
        let ours = path.starts_with('/') && !path.starts_with("/api/") && !path.starts_with("/static/");
        if !ours || !seen.insert(path.clone()) || seen.len() > 300 {
            continue;
        }
        let page = liaison.read(&path);
        for words in FOREIGN {
            page.never_says(words);
        }
        ahead.extend(page.links().into_iter().filter(|link| !link.contains("lang=")));
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn a_co_unit_sees_the_ticket_and_may_only_contribute() {
    let app = app();
    round::acknowledged(&app);
    let helper = reader(&app, "liaison2");
    let page = helper.read("/tickets/2026Q1-F01-01");
    let offered: Vec<String> = page.links().into_iter().filter(|link| link.contains("act=")).collect();
    assert_eq!(offered, ["/tickets/2026Q1-F01-01?act=progress#act", "/tickets/2026Q1-F01-01?act=comment#act"]);
    let form = helper.read("/tickets/2026Q1-F01-01?act=progress").form("/tickets/2026Q1-F01-01/progress");
    assert!(!form.has("percent"), "the lead's only");
    helper.send(&form.clone().fill("text", "已协助提供材料")).is(200).says("已协助提供材料");
    let forged = helper.send(&form.fill("text", "x").forge("percent", "90")).is(412);
    forged.says("Somebody has changed this since you opened it");
}
