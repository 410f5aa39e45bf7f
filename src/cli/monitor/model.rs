//! What the screen of `kache monitor` shows, without a terminal: the records, and figures derived from them.

use std::collections::HashSet;

use crate::cli::monitor::transfer::{Transfer, TransferRow};
use crate::index::records::is_build_dir;
use crate::outcome::{Origin, Outcome};
use crate::report::advice;
use crate::report::build::{self, Build, Fate};
use crate::run::record::Record;

/// The newest units of a build that are kept for the list.
const MOST_UNITS: usize = 500;
/// The newest records that builds are told from.
const MOST_RECORDS: usize = 5_000;

/// The pages of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    #[default]
    Build,
    Projects,
    Store,
    Transfer,
}

impl Page {
    /// All pages, in the order of their keys.
    pub const ALL: [Page; 4] = [Page::Build, Page::Projects, Page::Store, Page::Transfer];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Page::Build => "Build",
            Page::Projects => "Projects",
            Page::Store => "Store",
            Page::Transfer => "Transfer",
        }
    }
}

/// How lists are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Newest,
    Longest,
    Name,
}

impl Order {
    /// The next one, by a key.
    pub fn next(self) -> Order {
        match self {
            Order::Newest => Order::Longest,
            Order::Longest => Order::Name,
            Order::Name => Order::Newest,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Order::Newest => "newest first",
            Order::Longest => "longest first",
            Order::Name => "by name",
        }
    }
}

/// The state of the screen.
#[derive(Debug, Default)]
pub struct Model {
    /// The newest records, in the order in which they were made.
    records: Vec<Record>,
    pub now_ms: u64,
    pub page: Page,
    pub order: Order,
    /// Only rows that contain this are shown.
    pub filter: String,
    /// Whether the filter is being typed.
    pub is_typing: bool,
    pub shows_help: bool,
    /// The first row that is shown.
    pub scroll: usize,
    /// Whether the daemon streams the records.
    pub has_daemon: bool,
    /// Records that were skipped, because there were too many at once.
    pub n_missed: u64,
    pub store: StoreFigures,
    pub transfer: Transfer,
    /// The last build, derived from the records.
    pub build: Option<BuildFigures>,
    /// Sorted by place.
    pub projects: Vec<Project>,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    pub path: String,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    pub n_entries: usize,
    /// Files in quarantine: what was found to be altered.
    pub n_quarantined: usize,
    /// The crates that take most, with their sizes.
    pub largest: Vec<(String, u64)>,
    /// The entries that were not used for longest, with the times of their last uses: what goes next.
    pub oldest: Vec<(String, u64)>,
}

/// The build that runs, or ran last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildFigures {
    pub place: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub n_units: usize,
    pub n_hits: usize,
    /// Of these: put in place before cargo asked for them.
    pub n_seeded: usize,
    pub n_compiled: usize,
    pub saved_ms: u64,
    /// Units of the build before, in the same tree: what this one may come to.
    pub n_expected: Option<usize>,
    /// The newest first.
    pub units: Vec<UnitRow>,
}

/// A unit that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRow {
    pub fate: Fate,
    /// It was put in place before cargo asked for it.
    pub is_seeded: bool,
    pub title: String,
    pub took_ms: u64,
    pub saved_ms: u64,
    pub reason: String,
    pub time_ms: u64,
}

/// A tree that was built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    pub place: String,
    pub n_units: usize,
    pub n_hits: usize,
    pub n_cacheable: usize,
    pub saved_ms: u64,
    pub last_ms: u64,
}

impl Model {
    /// A screen of these records.
    pub fn new(records: Vec<Record>, store: StoreFigures, now_ms: u64) -> Model {
        let mut model = Model { store, now_ms, ..Model::default() };
        model.add(records);
        model
    }

    /// Adds records that were made since. What it costs depends on them and on the last build, not on all earlier ones.
    pub fn add(&mut self, records: Vec<Record>) {
        for record in &records {
            self.count(record);
            self.transfer.add(record);
        }
        self.records.extend(records);
        let n_older = self.records.len().saturating_sub(MOST_RECORDS);
        self.records.drain(..n_older);
        self.derive_build();
    }

    /// Counts a record for its project.
    fn count(&mut self, record: &Record) {
        let place = tree(&record.place);
        // A call that is of no build directory, such as a question about the compiler, is of no project.
        if place.is_empty() {
            return;
        }
        let at = self.projects.binary_search_by(|project| project.place.as_str().cmp(place));
        let at = at.unwrap_or_else(|at| {
            self.projects.insert(at, Project { place: place.to_owned(), ..Project::default() });
            at
        });
        let project = &mut self.projects[at];
        project.n_units += 1;
        project.last_ms = project.last_ms.max(record.time_ms);
        match Fate::of(record) {
            Fate::Hit => {
                project.n_hits += 1;
                project.n_cacheable += 1;
                project.saved_ms += record.compile_ms;
            }
            Fate::Miss => project.n_cacheable += 1,
            Fate::Edit | Fate::Bypass => {}
        }
    }

    fn derive_build(&mut self) {
        let Some(last) = build::last(&self.records, &is_build_dir) else { return };
        let mut figures = build_figures(&last);
        // While a build runs, the one before stays the same.
        figures.n_expected = match &self.build {
            Some(known) if known.start_ms == figures.start_ms && known.place == figures.place => {
                known.n_expected
            }
            _ => n_units_before(&self.records, &last),
        };
        self.build = Some(figures);
    }

    /// Whether a build seems to be running: a unit ended a moment ago.
    pub fn is_building(&self) -> bool {
        self.build.as_ref().is_some_and(|build| self.now_ms.saturating_sub(build.end_ms) < 5_000)
    }

    /// The units to show.
    pub fn shown_units(&self) -> Vec<&UnitRow> {
        let units = self.build.iter().flat_map(|build| &build.units);
        let mut units: Vec<&UnitRow> =
            units.filter(|unit| self.matches(&[&unit.title, &unit.reason])).collect();
        match self.order {
            Order::Newest => {}
            Order::Longest => units.sort_by_key(|unit| std::cmp::Reverse(unit.took_ms)),
            Order::Name => units.sort_by(|one, other| one.title.cmp(&other.title)),
        }
        units
    }

    /// The projects to show.
    pub fn shown_projects(&self) -> Vec<&Project> {
        let mut projects: Vec<&Project> =
            self.projects.iter().filter(|project| self.matches(&[&project.place])).collect();
        match self.order {
            Order::Newest => projects.sort_by_key(|project| std::cmp::Reverse(project.last_ms)),
            Order::Longest => projects.sort_by_key(|project| std::cmp::Reverse(project.saved_ms)),
            Order::Name => projects.sort_by(|one, other| one.place.cmp(&other.place)),
        }
        projects
    }

    /// The units that came from the remote, or could not, to show.
    pub fn shown_transfers(&self) -> Vec<&TransferRow> {
        let units = self.transfer.units.iter();
        let mut units: Vec<&TransferRow> =
            units.filter(|unit| self.matches(&[&unit.title, &unit.detail])).collect();
        match self.order {
            Order::Newest => {}
            Order::Longest => units.sort_by_key(|unit| std::cmp::Reverse(unit.waited_ms)),
            Order::Name => units.sort_by(|one, other| one.title.cmp(&other.title)),
        }
        units
    }

    /// How many rows the page can show.
    pub fn n_rows(&self) -> usize {
        match self.page {
            Page::Build => self.shown_units().len(),
            Page::Projects => self.shown_projects().len(),
            Page::Store => self.store.largest.len().max(self.store.oldest.len()),
            Page::Transfer => self.shown_transfers().len(),
        }
    }

    fn matches(&self, texts: &[&str]) -> bool {
        let filter = self.filter.to_lowercase();
        filter.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&filter))
    }
}

fn build_figures(last: &Build<'_>) -> BuildFigures {
    let mut figures = BuildFigures {
        place: last.place.to_owned(),
        start_ms: last.start_ms,
        end_ms: last.end_ms,
        n_units: last.units.len(),
        ..BuildFigures::default()
    };
    for unit in &last.units {
        match Fate::of(unit.record) {
            Fate::Hit => {
                figures.n_hits += 1;
                figures.n_seeded += usize::from(is_seeded(unit.record));
                figures.saved_ms += unit.record.compile_ms;
            }
            Fate::Miss | Fate::Edit => figures.n_compiled += 1,
            Fate::Bypass => {}
        }
    }
    let mut units: Vec<&Record> = last.units.iter().map(|unit| unit.record).collect();
    units.sort_by_key(|record| std::cmp::Reverse(record.time_ms));
    figures.units = units.into_iter().take(MOST_UNITS).map(row).collect();
    figures
}

/// How many units the build before `last` had, in the same tree.
fn n_units_before(records: &[Record], last: &Build<'_>) -> Option<usize> {
    let trees: HashSet<&str> = last.units.iter().map(|unit| tree(&unit.record.place)).collect();
    let before =
        records.iter().filter(|record| record.time_ms < last.start_ms && trees.contains(tree(&record.place)));
    build::last(before, &is_build_dir).map(|before| before.units.len())
}

fn is_seeded(record: &Record) -> bool {
    record.outcome == Outcome::Hit { origin: Origin::Seeded }
}

fn row(record: &Record) -> UnitRow {
    let fate = Fate::of(record);
    UnitRow {
        fate,
        is_seeded: is_seeded(record),
        title: advice::title(record),
        took_ms: record.times.total_us / 1000,
        saved_ms: if fate == Fate::Hit { record.compile_ms } else { 0 },
        reason: advice::reason(record),
        time_ms: record.time_ms,
    }
}

/// The workspace of a recorded place: that of a build directory in its usual place is above it.
fn tree(place: &str) -> &str {
    place.strip_suffix("/target").or_else(|| place.strip_suffix("\\target")).unwrap_or(place)
}
