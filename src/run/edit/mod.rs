//! Edits: units that are compiled incrementally, at the compiler's own speed, and are not stored.
//!
//! A developer who changes a line and builds again wants that state now and hardly ever again. So where a unit misses
//! because a source was changed that the outputs in this build directory were made from, the compiler runs with an
//! incremental directory, and nothing is observed, hashed or stored. The store is always asked first: a state that is
//! known, such as that before an edit which is undone, is served.
//!
//! So that the first edit finds a state, what is compiled from scratch and stored is compiled in an empty incremental
//! directory, as cargo alone does. What that makes depends on its inputs alone. Its crate hash differs from that of a
//! compile without such a directory, as on CI; code and metadata are equivalent. The key does not tell the two apart: whichever
//! was stored first is served everywhere. What depends on it has the content in its key, so they never mix: where two
//! machines have compiled a unit in both ways before they share entries, its dependents are compiled on each, until it
//! changes. Optimized code is another matter: in an incremental compile less of it is inlined, so what is stored is
//! compiled without.
//!
//! The content of what an edit makes depends on what the directory was used for before. It is marked in the memo
//! of the build directory ([`crate::action::memo`]), and whatever depends on it has no key and is an edit too. That
//! ends when the unit is served from the store, or compiled from scratch.
//!
//! [`decision`] has the rule, [`last_build`] finds out what it is made from, [`directory`] keeps the incremental
//! directory: one for each unit, of which the compiler's state is thrown away after anything but success or an error in
//! the sources.

pub mod decision;

pub mod last_build;

pub mod directory;
