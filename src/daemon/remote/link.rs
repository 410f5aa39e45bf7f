//! The connection to the remote that the threads of the daemon share. What several of them want is fetched once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{RemoteConfig, RemoteSecrets};
use crate::daemon::remote::event::NoLink;
use crate::daemon::remote::looked_at::LookedAt;
use crate::digest::Digest;
use crate::protocol::message::WantedUnit;
use crate::remote::backend::Kind;
use crate::remote::connect::{Connected, NotConnected, connect};
use crate::remote::layers::meter::Requests;
use crate::remote::layout::{self, CompilerName, PackName, UnitFolder, UnitFolders};
use crate::remote::pack::{self, BadPack};
use crate::remote::sync::{self, NotFetched};
use crate::store::entry::UnitName;
use crate::store::{Store, transfer};

/// How long a listing counts: what another machine sends meanwhile is found after that.
const LISTING_COUNTS: Duration = Duration::from_secs(60);
/// How long a pack that was refused is not fetched again.
const REFUSAL_COUNTS: Duration = Duration::from_secs(600);
/// So many entries of one unit are fetched, the latest first: it may have been compiled from other sources.
pub const MOST_ENTRIES: usize = 3;
/// When so many things are remembered, those that are not in use are forgotten.
const MOST_REMEMBERED: usize = 20_000;

/// Values by name, each with a lock of its own: who comes second waits for the first, and finds what it has found.
type Shared<K, V> = Mutex<HashMap<K, Arc<Mutex<V>>>>;

/// A remote, and the store that it is for.
pub struct Link {
    pub store: Store,
    pub config: Box<RemoteConfig>,
    /// No more is fetched ahead for one build.
    pub most_prefetched_bytes: u64,
    secrets: RemoteSecrets,
    connected: OnceLock<Result<Connected, NotConnected>>,
    listings: Shared<(UnitFolders, CompilerName), Option<Listing>>,
    packs: Shared<Digest, Option<Refusal>>,
    pub looked_at: LookedAt,
    n_fetched: AtomicU64,
}

/// What a folder holds.
struct Listing {
    at: Instant,
    /// The latest first.
    packs: Vec<PackName>,
}

struct Refusal {
    at: Instant,
    why: String,
}

/// How a pack got into the store, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    New,
    Here,
    /// It is not believed, or not what it should be. This is said the first time.
    Refused(Option<String>),
}

impl Link {
    /// A link that is not connected yet.
    pub fn new(
        store: Store,
        config: Box<RemoteConfig>,
        secrets: RemoteSecrets,
        most_prefetched_bytes: u64,
    ) -> Link {
        Link {
            store,
            config,
            most_prefetched_bytes,
            secrets,
            connected: OnceLock::new(),
            listings: Mutex::default(),
            packs: Mutex::default(),
            looked_at: LookedAt::default(),
            n_fetched: AtomicU64::new(0),
        }
    }

    /// The remote. Who asks first connects, which reads files and starts threads.
    ///
    /// # Errors
    /// What the configuration lacks.
    pub fn connected(&self) -> Result<&Connected, NoLink> {
        let connected = self.connected.get_or_init(|| connect(&self.config, &self.secrets));
        connected.as_ref().map_err(|e| NoLink { why: e.to_string(), is_outage: true })
    }

    /// How many entries were fetched.
    pub fn n_fetched(&self) -> u64 {
        self.n_fetched.load(Ordering::Relaxed)
    }

    /// What was asked of the remote.
    pub fn requests(&self) -> Requests {
        match self.connected.get() {
            Some(Ok(connected)) => connected.meter.read(),
            _ => Requests::default(),
        }
    }

    /// Fetches the latest entries of a unit. Answers how many the remote has of it that are in the store now, and what was
    /// refused.
    ///
    /// # Errors
    /// The remote could not be asked.
    pub fn fetch_unit(&self, wanted: &WantedUnit) -> Result<(u64, Vec<String>), NoLink> {
        let unit = UnitName {
            package: wanted.package.clone(),
            version: wanted.version.clone(),
            crate_name: wanted.crate_name.clone(),
            ..UnitName::default()
        };
        let compiler = match (wanted.is_run, transfer::processor()) {
            (false, _) => CompilerName::new(&wanted.compiler),
            (true, Some(processor)) => CompilerName::of_runs(&wanted.compiler, &processor),
            (true, None) => return Ok((0, Vec::new())),
        };
        let folder = UnitFolder::new(&wanted.unit_key);
        let packs = self.list((UnitFolders::of(&unit), compiler))?;
        let (mut n_entries, mut refused) = (0, Vec::new());
        for pack in packs.into_iter().filter(|pack| pack.unit == folder).take(MOST_ENTRIES) {
            match self.fetch(&pack)? {
                Got::New | Got::Here => n_entries += 1,
                Got::Refused(why) => refused.extend(why.map(|why| said(&pack, &why))),
            }
        }
        Ok((n_entries, refused))
    }

    /// The packs of a package with a compiler, the latest first.
    fn list(&self, of: (UnitFolders, CompilerName)) -> Result<Vec<PackName>, NoLink> {
        // A name that no object can have is in no remote.
        let Ok(folder) = layout::packs_of_compiler(&of.0, &of.1) else { return Ok(Vec::new()) };
        let cell = shared(&self.listings, of);
        let mut listing = lock(&cell);
        if let Some(known) = listing.as_ref().filter(|known| known.at.elapsed() < LISTING_COUNTS) {
            return Ok(known.packs.clone());
        }
        let mut found = Vec::new();
        let listed = self.connected()?.remote.list(&folder, &mut |listed| {
            found.extend(PackName::parse(&listed.name).map(|pack| (listed.stored_ms, pack)));
        });
        // A folder that is absent is an empty listing: what is missing here is the bucket.
        listed.map_err(|e| NoLink { why: e.what, is_outage: true })?;
        found.sort_by(|a, b| b.cmp(a));
        found.dedup();
        let packs: Vec<PackName> = found.into_iter().map(|(_, pack)| pack).collect();
        *listing = Some(Listing { at: Instant::now(), packs: packs.clone() });
        Ok(packs)
    }

    /// Fetches a pack, unless the store has its entry.
    ///
    /// # Errors
    /// The remote could not be asked, or the store cannot be written.
    pub fn fetch(&self, pack: &PackName) -> Result<Got, NoLink> {
        let cell = shared(&self.packs, pack.key);
        let mut refusal = lock(&cell);
        if pack::is_stored(&self.store, &pack.key) {
            return Ok(Got::Here);
        }
        if refusal.as_ref().is_some_and(|known| known.at.elapsed() < REFUSAL_COUNTS) {
            return Ok(Got::Refused(None));
        }
        match sync::fetch(&self.store, self.connected()?, pack) {
            Ok(_) => {
                self.n_fetched.fetch_add(1, Ordering::Relaxed);
                Ok(Got::New)
            }
            Err(NotFetched::Remote(error)) if error.kind == Kind::NotFound => Ok(Got::Refused(None)),
            Err(NotFetched::Remote(error)) => Err(error.into()),
            Err(NotFetched::Pack(BadPack::Store(error))) => {
                Err(NoLink { why: format!("failed to store what was fetched: {error}"), is_outage: true })
            }
            Err(NotFetched::Pack(error)) => {
                let why = error.to_string();
                let known = refusal.replace(Refusal { at: Instant::now(), why: why.clone() });
                Ok(Got::Refused(known.is_none_or(|known| known.why != why).then_some(why)))
            }
        }
    }
}

/// A refusal for the log.
pub fn said(pack: &PackName, why: &str) -> String {
    format!("ignored the pack of {} {} in the remote: {why}", pack.package, pack.version)
}

/// The value of this name.
fn shared<K: Eq + std::hash::Hash, V: Default>(all: &Shared<K, V>, name: K) -> Arc<Mutex<V>> {
    let mut all = lock(all);
    if all.len() > MOST_REMEMBERED {
        all.retain(|_, value| Arc::strong_count(value) > 1);
    }
    Arc::clone(all.entry(name).or_default())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
