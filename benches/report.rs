//! Figures as people read them, and as JSON in `target/bench/`.

use crate::{Done, place};
use serde::Serialize;
use std::fs;

/// Which way a figure is to go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// One figure, with what the machine allows beside it where that is known.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    /// The same work without us, in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

/// What one bench has found.
#[derive(Debug, Serialize)]
pub struct Report {
    pub bench: &'static str,
    pub quick: bool,
    /// Others' work on this machine: the load average of the last minute, before and after.
    pub load: [f64; 2],
    pub figures: Vec<Figure>,
    pub remarks: Vec<String>,
}

impl Report {
    pub fn new(bench: &'static str, quick: bool) -> Self {
        let load = load();
        Self { bench, quick, load: [load, load], figures: Vec::new(), remarks: Vec::new() }
    }

    pub fn add(&mut self, what: impl Into<String>, value: f64, unit: &'static str) -> &mut Figure {
        self.figures.push(Figure { what: what.into(), value, unit, limit: None, aim: None, met: None });
        self.figures.last_mut().unwrap_or_else(|| unreachable!("it was pushed"))
    }

    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Prints it and writes `target/bench/<bench>.json`; a quick run's figures are no figures and go elsewhere.
    pub fn finish(mut self) -> Done<()> {
        self.load[1] = load();
        self.print();
        let suffix = if self.quick { ".quick" } else { "" };
        let file = place::root().join(format!("{}{suffix}.json", self.bench));
        fs::write(file, serde_json::to_string_pretty(&self)? + "\n")?;
        Ok(())
    }

    fn print(&self) {
        let head = ["what", "figure", "limit", "aim", ""].map(str::to_owned);
        let mut rows = vec![head];
        rows.extend(self.figures.iter().map(Figure::row));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        println!("\n{} (load {:.1} to {:.1})", self.bench, self.load[0], self.load[1]);
        for row in &rows {
            let [what, value, limit, aim, met] = row;
            let [a, b, c, d] = widths;
            println!("{}", format!("  {what:a$}  {value:>b$}  {limit:>c$}  {aim:>d$}  {met}").trim_end());
        }
        for remark in &self.remarks {
            println!("  {remark}");
        }
    }
}

impl Figure {
    pub fn limit(&mut self, limit: f64) -> &mut Self {
        self.limit = Some(limit);
        self
    }

    pub fn aim(&mut self, aim: Aim) -> &mut Self {
        self.met = Some(match aim {
            Aim::AtLeast(least) => self.value >= least,
            Aim::AtMost(most) => self.value <= most,
        });
        self.aim = Some(aim);
        self
    }

    fn row(&self) -> [String; 5] {
        let aim = match self.aim {
            Some(Aim::AtLeast(least)) => format!(">= {}", shown(least)),
            Some(Aim::AtMost(most)) => format!("<= {}", shown(most)),
            None => String::new(),
        };
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let value = format!("{} {}", shown(self.value), self.unit).trim_end().to_owned();
        [self.what.clone(), value, self.limit.map(shown).unwrap_or_default(), aim, met.to_owned()]
    }
}

/// Three figures that count.
fn shown(value: f64) -> String {
    match value.abs() {
        big if big >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}
