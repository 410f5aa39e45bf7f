//! One invocation of the wrapper, from its arguments to the compiler's exit code.
//!
//! [`wrapper`] has the steps. Each stage is a type, and is made from the one before:
//!
//! ```text
//! Call ── Parsed ── Request ── KeyContext ── KeyedUnit ─┬─ found ─────── hit::serve
//!           │                                           └─ not found ─┬─ an edit: miss::edit, nothing is stored
//!           └─ bypass: run the compiler, store nothing                └─ a miss: CompileJob ── CompiledUnit ── Missed
//! ```
//!
//! [`keyed`] chooses between the three on the right, [`edit`] says what an edit is, and [`miss`] has the stages of a
//! miss. Each compile, hit and bypass leaves a [`record`]; questions to the compiler do not, nor does anything where
//! kache is disabled.

pub mod final_exit_code;

pub mod call;

pub mod parsed;

pub mod ping;

pub mod policy;

pub mod compilation_dir;

pub mod streams;

pub mod path_remap;

pub mod unit_name;

pub mod restore;

pub mod launcher;

pub mod call_note;

pub mod hit;

pub mod edit;

pub mod miss;

pub mod record;

pub mod fetch;

pub mod automatic_gc;

pub mod start_daemon;

pub mod known;

pub mod request;

pub mod keyed;

pub mod wrapper;
