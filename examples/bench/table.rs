//! How it is told: one row per figure, with its budget and whether it keeps it.

use std::fmt::{Display, Formatter};

use serde::Serialize;

/// All figures of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The project and mode, or "process".
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) unit: Unit,
    /// The same ratio by processor time, where a run is long enough to count it.
    pub(crate) cpu_figure: Option<f64>,
    pub(crate) budget: Option<Budget>,
    pub(crate) keeps_budget: Option<bool>,
    /// What the figure is made of.
    pub(crate) note: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Ratio,
    Milliseconds,
    Microseconds,
    Percent,
    Count,
    Kibibytes,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Budget {
    AtMost(f64),
    AtLeast(f64),
}

impl Budget {
    fn holds(self, figure: f64) -> bool {
        match self {
            Budget::AtMost(limit) => figure <= limit,
            Budget::AtLeast(limit) => figure >= limit,
        }
    }
}

impl Row {
    pub(crate) fn new(subject: &str, what: impl Into<String>, figure: f64, unit: Unit) -> Row {
        Row {
            subject: subject.to_owned(),
            what: what.into(),
            figure,
            unit,
            cpu_figure: None,
            budget: None,
            keeps_budget: None,
            note: String::new(),
        }
    }

    pub(crate) fn cpu(self, cpu_figure: Option<f64>) -> Row {
        Row { cpu_figure, ..self }
    }

    pub(crate) fn budget(self, budget: Budget) -> Row {
        Row { budget: Some(budget), keeps_budget: Some(budget.holds(self.figure)), ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Row {
        Row { note: note.into(), ..self }
    }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Unit::Ratio => format!("{figure:.3} ×"),
            Unit::Milliseconds => format!("{figure:.2} ms"),
            Unit::Microseconds => format!("{figure:.1} µs"),
            Unit::Percent => format!("{figure:.1} %"),
            Unit::Count => format!("{figure:.0}"),
            Unit::Kibibytes => format!("{figure:.0} KiB"),
        }
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let cpu = self.cpu_figure.map_or(String::new(), |figure| self.unit.show(figure));
        let budget = match self.budget {
            None => String::new(),
            Some(Budget::AtMost(limit)) => format!("≤ {}", self.unit.show(limit)),
            Some(Budget::AtLeast(limit)) => format!("≥ {}", self.unit.show(limit)),
        };
        let verdict = match self.keeps_budget {
            None => "",
            Some(true) => "ok",
            Some(false) => "OVER",
        };
        let Row { subject, what, note, .. } = self;
        let figure = self.unit.show(self.figure);
        write!(f, "{subject:24} {what:40} {figure:>12} {cpu:>9} {budget:>12} {verdict:4}  {note}")
    }
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        let (figure, cpu, budget) = ("figure", "(cpu)", "budget");
        println!("\n{:24} {:40} {figure:>12} {cpu:>9} {budget:>12}", "subject", "what");
        let mut subject = "";
        for row in &self.rows {
            if row.subject != subject {
                println!();
                subject = &row.subject;
            }
            println!("{row}");
        }
        let over = self.rows.iter().filter(|row| row.keeps_budget == Some(false)).count();
        println!("\n{over} of {} figures are over their budget", self.rows.len());
    }
}
