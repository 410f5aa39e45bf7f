//! One invocation of the wrapper, from its arguments to the compiler's exit code.
//!
//! [`wrapper`] has the steps, and each stage is a type that is made from the one before:
//!
//! ```text
//! Call ── Parsed ── Request ── KeyContext ── KeyedUnit ─┬─ found ──── hit::serve
//!           │                                           └─ not found ─ CompileJob ── CompiledUnit ── Learned ── Stored
//!           └─ bypass: the compiler runs untouched                     (miss::stages)
//! ```
//!
//! However it ends, there is an [`answer`] and a [`record`].

pub mod answer;

pub mod call;

pub mod parsed;

pub mod ping;

pub mod policy;

pub mod streams;

pub mod path_remap;

pub mod unit_name;

pub mod restore;

pub mod launcher;

pub mod hit;

pub mod edit;

pub mod miss;

pub mod record;

pub mod automatic_gc;

pub mod known;

pub mod request;

pub mod keyed;

pub mod wrapper;
