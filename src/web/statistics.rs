//! Statistics as a table: one period, one grouping, totals below, figures that lead to their tickets; made to be printed.

use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::statistics::{By, Figures};
use crate::queries::statistics::{self, StatisticsQuery, StatisticsRow};
use crate::transaction::Outcome;
use crate::web::lens::Lens;
use crate::web::view::Choice;
use crate::web::visit::{Room, Visit};
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct StatisticsPage {
    from: String,
    to: String,
    groupings: Vec<Choice>,
    /// The period in words.
    period: String,
    as_of: String,
    /// What stands in the first column.
    head: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<RowView>,
    total: RowView,
    limit: u16,
}

#[derive(Debug, Serialize)]
struct RowView {
    name: String,
    cells: Vec<CellView>,
}

/// A figure, and the list of its tickets.
#[derive(Debug, Serialize)]
struct CellView {
    label: &'static str,
    value: String,
    href: Option<String>,
}

/// `GET /statistics`
pub async fn get_statistics(visit: Visit) -> HttpResponse {
    let (from, to) = (visit.asked("from").map(str::to_owned), visit.asked("to").map(str::to_owned));
    let by = visit.asked("by").map(str::to_owned);
    visit.page("statistics.html", move |room| page(room, (from, to, by))).await
}

type Asked = (Option<String>, Option<String>, Option<String>);

fn page(room: &mut Room<'_, '_>, (from, to, by): Asked) -> Outcome<StatisticsPage> {
    let wrong = |name: &str, code| Refusal::field(Fault::new(Place::Parameter(name.to_owned()), code));
    let day = |name: &str, text: Option<String>| {
        text.map(|text| text.parse().map_err(|_no_date| wrong(name, Code::FieldDate))).transpose()
    };
    let by = by.map(|text| text.parse::<By>()).transpose();
    let by = by.map_err(|_unknown| wrong("by", Code::FieldRequired))?;
    let query = StatisticsQuery { from: day("from", from)?, to: day("to", to)?, by };
    let found = statistics::statistics(room.read, room.who, &query)?;
    let lens = room.lens;
    let grouping = |by: &By| Choice {
        value: by.as_str().to_owned(),
        name: grouping_name(*by, &lens).to_owned(),
        chosen: *by == found.by,
    };
    let span = [("from", lens.date(found.from)), ("to", lens.date(found.to))];
    let span = span.each_ref().map(|(name, day)| (*name, day.as_str()));
    Ok(StatisticsPage {
        from: found.from.to_string(),
        to: found.to.to_string(),
        groupings: By::ALL.iter().map(grouping).collect(),
        period: crate::web::texts::say_with(lens.lang, "statistics.period", &span),
        as_of: lens.moment(found.as_of).text,
        head: grouping_name(found.by, &lens),
        columns: cells(&found.total, &lens).into_iter().map(|cell| cell.label).collect(),
        rows: found.rows.iter().map(|row| view(row, &lens)).collect(),
        limit: found.total.figures.review.limit_days,
        total: view(&found.total, &lens),
    })
}

fn grouping_name(by: By, lens: &Lens) -> &'static str {
    match by {
        By::Unit => lens.t("head.unit"),
        By::Indicator => lens.t("ticket.indicator"),
        By::Notice => lens.t("filter.notice"),
        By::Month => lens.t("statistics.month"),
    }
}

fn view(row: &StatisticsRow, lens: &Lens) -> RowView {
    let english = Some(row.group.name_en.as_str()).filter(|name| !name.trim().is_empty());
    let name = match lens.lang {
        crate::domain::words::Lang::En => english.unwrap_or(&row.group.name),
        crate::domain::words::Lang::Zh => &row.group.name,
    };
    RowView { name: name.to_owned(), cells: cells(row, lens) }
}

fn cells(row: &StatisticsRow, lens: &Lens) -> Vec<CellView> {
    let figures = &row.figures;
    let mut cells: Vec<CellView> = counted(figures, lens)
        .into_iter()
        .map(|(figure, label, count)| {
            let list = row.links.get(figure).filter(|_| count > 0);
            let href = list.map(|href| href.trim_start_matches("/api/v1").to_owned());
            CellView { label, value: count.to_string(), href }
        })
        .collect();
    let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.2}%"));
    let days = |days: Option<f64>| days.map_or_else(|| "–".to_owned(), |days| days.to_string());
    let plain = [
        (lens.t("statistics.on_time_rate"), rate(figures.on_time_rate)),
        (lens.t("statistics.acknowledgement_rate"), rate(figures.acknowledgement_rate)),
        (lens.t("statistics.completion_rate"), rate(figures.completion_rate)),
        (lens.t("statistics.to_submission"), days(figures.median_days_to_submission)),
        (lens.t("statistics.to_acceptance"), days(figures.median_days_to_acceptance)),
        (lens.t("statistics.review_days"), days(figures.review.median_days)),
        (lens.t("statistics.review_beyond"), figures.review.beyond_limit.to_string()),
    ];
    cells.extend(plain.into_iter().map(|(label, value)| CellView { label, value, href: None }));
    cells
}

/// Figures that are lists: their name, their label, how many.
fn counted(figures: &Figures, lens: &Lens) -> [(&'static str, &'static str, i64); 9] {
    [
        ("due", lens.t("statistics.due"), figures.due),
        ("on_time", lens.t("statistics.on_time"), figures.on_time),
        ("late", lens.t("statistics.late"), figures.late),
        ("open_overdue", lens.t("statistics.open_overdue"), figures.open_overdue),
        ("returned", lens.t("statistics.returned"), figures.returned),
        ("failed_again", lens.t("statistics.failed_again"), figures.failed_again),
        ("acknowledged", lens.t("statistics.acknowledged"), figures.acknowledged),
        ("closed", lens.t("statistics.closed"), figures.closed),
        ("carried", lens.t("statistics.carried"), figures.carried),
    ]
}
