//! One invocation of the wrapper, from its arguments to the compiler's exit code.
//!
//! [`wrapper`] has the steps. Each stage is a type, and is made from the one before:
//!
//! ```text
//! Call ── Parsed ── Request ── PreparedUnit ── KeyedUnit ─┬─ found: hit::place, Placed::print
//!           │                                             └─ not found ─┬─ an edit: miss::incremental, nothing is stored
//!           │                                                           └─ wait for other processes, ask the remote;
//!           └─ bypass: run the compiler, store nothing                     found: as above, or else
//!                                                                          CompileJob ── CompiledUnit ── Missed
//! ```
//!
//! [`keyed`] chooses between those on the right, [`edit`] says what an edit is, and [`miss`] has the stages of a
//! miss. Each compile, hit and bypass leaves a [`record`]; questions to the compiler do not, nor does anything where
//! kache is disabled. To read it in order: [`wrapper`], [`keyed`], [`hit`], [`restore`], then [`miss`].

// The exit code of an invocation, once it cannot change any more.
pub mod final_exit_code;

// The compiler call that cargo makes, and handing over to it.
pub mod call;

// How a call is classified: a compile, a bypass, or no compilation.
pub mod parsed;

// Reports to a kache command that cargo called this wrapper.
pub mod ping;

// What is never cached, and why.
pub mod policy;

// Writes the directory of a tree into debug information.
pub mod compilation_dir;

// What the compiler prints, with portable paths.
pub mod streams;

// Which paths the compiler writes as others.
pub mod path_remap;

// The name of a unit in records and reports.
pub mod unit_name;

// Places the files of an entry.
pub mod restore;

// Lets kache see the runs of build scripts.
pub mod launcher;

// Notes calls for later build directories, and starts `kache harvest`.
pub mod call_note;

// Serves a unit from an entry.
pub mod hit;

// Decides whether a miss is an edit.
pub mod edit;

// Compiles and stores.
pub mod miss;

// What is recorded about each invocation.
pub mod record;

// Asks the daemon for a unit that the store lacks.
pub mod fetch;

// Starts a collection when the store has grown.
pub mod automatic_gc;

// Starts the daemon for a build whose remote needs it.
pub mod start_daemon;

// What the store knows about files by their content, as the key asks for it.
pub mod known;

// All that an invocation is served with.
pub mod request;

// A unit whose key is known: it is served, fetched or compiled.
pub mod keyed;

// The steps of an invocation.
pub mod wrapper;
