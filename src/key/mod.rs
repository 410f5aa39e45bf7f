//! The key: everything that decides what a compile makes, as a value.
//!
//! There are two levels. The **unit key** is the digest of what is known before any source is read ([`mod@unit`]).
//! Under it lie **input lists**: what earlier compiles of this unit read ([`InputList`](crate::action::input_list::InputList)). The
//! **cache key** is the digest of the unit key and of what such a list names, as it is now. An entry is only ever
//! stored under a key made from what that very compile reported; a looked-up key may read, never store.
//!
//! Where a compile was observed, its input list is complete. Where it could not be, its list says so, and then what
//! rules take for read ([`assumed`]) is part of the cache key too; a build that can observe ignores such a list.
//! So an observed entry serves everywhere, and one that was made by rules only where there is nothing better.
//!
//! Both are digests of [`KeyInputs`](crate::action::inputs::KeyInputs), an ordered list of (kind, name, value), in an
//! encoding of its own in which each field carries its length. The list is stored beside the entry; `why-miss` compares
//! two of them.
//!
//! # What is in
//!
//! The kinds of inputs are the variants of [`InputKind`](crate::action::input_kinds::InputKind), each with what its
//! name and its value are, why it decides, and to which level it belongs: the unit key, what was **read**, or what is
//! **assumed** by rules where nothing was observed.
//!
//! # What is out
//!
//! - `-C linker`, `-C link-arg` and `-C link-args` of what is not linked: only a linker reads them.
//! - `--out-dir`, `-L dependency=`, paths of `--extern`: where things lie. What is there counts by content.
//! - `-C incremental`: what is stored is compiled without, or in an empty directory ([`crate::run::edit`]).
//!   `--color`, `--diagnostic-width`: the terminal.
//! - `RUSTFLAGS` and its encoded twin: rustc does not read them; cargo has put their effect into argv.
//! - `CARGO_MAKEFLAGS`, terminal and session variables ([`crate::action::variables::may_read`]), among them those that
//!   name a directory for temporary files. That it is there, and what programs make in it for themselves, is no input;
//!   what was there is.
//! - Where a variable loads other code into the compiler (`LD_PRELOAD`) or makes it print (`RUSTC_LOG`), nothing is
//!   cached ([`crate::run::policy`]).
//!
//! # What cannot be seen
//!
//! A path can be in an output in another form than as text: its length, a hash, a comparison that became numbers. So
//! where a variable with a path in it is read by anything else than an `include!` that stands in the sources, its roots
//! are bound unseen; what a procedural macro does with such a variable, or a macro of another crate with `OUT_DIR`, is
//! only searched for. In an archive of bitcode no search finds a text: with procedural macros that could read on their
//! own behind it, all its roots are bound.
//!
//! The directory of a tree that is written into programs when they are placed ([`crate::run::compilation_dir`]) is not in the
//! key: no unit is made from them, and what includes one as a file is made from its bytes as they are there.
//!
//! Macros that generated code invokes are looked for by name, in the sources of the crates that it depends on. One that
//! is imported under another name is not found, nor is a function that asks for the location of its caller: the path
//! that these see is mapped.
//!
//! Of a file its content counts, that it is there, and whether it can be started. Times, and other permissions that a
//! macro writes into an output, do not, nor do the name of the host and the number of its processors. Neither do
//! variables whose name is in nothing that was read: a program may put it together, or pick from all variables by how
//! their names begin. In a text, one in other letters than capitals must stand where names stand, see above.
//!
//! Where the compiler runs alone, with no linker and no procedural macro that could read on its own, it is not observed
//! which links it reads: half of its calls are these, for each directory above each file of its own libraries. It opens
//! what it was told under that name, or resolves it first and opens that, so what a link leads to is known by its
//! content; and it starts no program, or nothing is stored ([`crate::sys::observe::Scope`]).
//!
//! Where nothing is observed, files that a procedural macro reads outside of its dependent's package must be declared
//! by `extra-inputs`, and variables whose names it puts together at run time by `key_env_vars`. Nothing is stored there
//! if a macro can start programs or ask servers ([`capability`]), wrote something into the workspace or where a
//! variable led it, or if the assembler read a file whose name is not written out, or may have: a source that uses the
//! assembler and has the means to compose a directive counts as such. What is not recognized: directives that a macro
//! of another crate composes, and files that a macro writes anywhere else.
//!
//! Neither with observation nor without is a unit served whose procedural macros write a profile each time they run, as
//! those of the workspace do where coverage is measured. Those that are known to read nothing are not looked at.
//!
//! Values of variables may be secrets. The key is made from their digests; what is stored beside an entry are digests
//! that are keyed with a secret of the store (`store::secret`).

pub mod depinfo;

pub mod assembler;

pub mod capability;

pub mod variable_names;

pub mod macros;

pub mod closure;

pub mod candidates;

pub mod toolchain;

pub mod linker;

pub mod declared;

pub mod context;

pub mod link;

pub mod unit_closure;

pub mod unit;

pub mod assumed;

#[cfg(feature = "cli")]
pub mod diff;

/// Version of the key, part of every unit key.
pub const SCHEMA: &str = "2";

#[cfg(test)]
mod tests;
