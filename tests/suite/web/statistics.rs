//! The statistics' page: a table with totals, whose figures lead to their tickets.

use super::reader::{app, reader, reader_in};
use crate::support::round;
use chrono::TimeDelta;

#[test]
fn the_figures_lead_to_their_tickets() {
    let app = app();
    round::acknowledged(&app);
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
    app.pass(TimeDelta::days(14));
    let coordinator = reader(&app, "coordinator");
    assert!(coordinator.read("/").links().contains(&"/statistics".to_owned()));
    let page = coordinator.read("/statistics?from=2026-01-01&to=2026-12-31&by=notice");
    page.says("2026年第一季度检查通报 3 1 0 2 0 0 1 0 0 33.33%");
    page.says("Total 3 1 0 2 0 0 1 0 0 33.33%");
    for href in page.links().into_iter().filter(|href| href.starts_with("/tickets?due_from")) {
        coordinator.read(&href);
    }
    let late = page.links().into_iter().find(|href| href.contains("overdue=true")).unwrap();
    assert_eq!(coordinator.read(&late).lines(), 2);
    for by in ["unit", "indicator", "month"] {
        coordinator.read(&format!("/statistics?by={by}&from=2026-01-01&to=2026-12-31")).says("33.33%");
    }
    reader_in(&app, "viewer", "zh-CN").read("/statistics?from=2026-01-01&to=2026-12-31").says("按期率");
    coordinator.read("/statistics?from=2020-01-01&to=2020-01-31").says("Nothing was due in this period.");
}

#[test]
fn a_unit_has_no_statistics_page() {
    let app = app();
    round::issue(&app);
    let unit = reader(&app, "liaison");
    assert!(!unit.read("/").links().contains(&"/statistics".to_owned()));
    assert_eq!(unit.ask("/statistics").status, 403);
    assert_eq!(reader(&app, "viewer").ask("/statistics?from=x").status, 422);
}
