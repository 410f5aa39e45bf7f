//! The key: everything that decides what a compile makes, as a value.
//!
//! There are two levels. The **unit key** is the digest of what is known before any source is read ([`mod@unit`]). Under it
//! lie **input lists**: what earlier compiles of this unit read ([`read`](crate::action::present)). The **cache key** is the digest of the unit
//! key and of what such a list names, as it is now. An entry is only ever stored under a key made from what that very
//! compile reported; a looked-up key may read, never store.
//!
//! Where a compile was observed, its input list is complete. Where it could not be, its list says so, and then what
//! rules take for read ([`assumed`]) is part of the cache key too; a build that can observe ignores such a list.
//! So an observed entry serves everywhere, and one that was made by rules only where there is nothing better.
//!
//! Both are digests of [`KeyInputs`](crate::action::inputs::KeyInputs), an ordered list of (kind, name, value), in an encoding of its own in
//! which each field carries its length. The list is stored beside the entry; `why-miss` compares two of them.
//!
//! # What is in
//!
//! | kind | level | name → value | why |
//! |---|---|---|---|
//! | `Schema` | unit | – → [`SCHEMA`] | whatever changes the meaning of keys or the bytes of outputs re-keys the world |
//! | `Salt` | unit | – → digest of `key_salt` | lets the user start over |
//! | `Compiler` | unit | release → content of the compiler, every library that is loaded with it and the list of those that are loaded into every program, std and linkers of the toolchain, each file of which is looked at again; whether sources of std are installed | two builds of rustc can print the same banner, and the same build can run on another LLVM ([`toolchain`]) |
//! | `Paths` | unit | – → how paths are mapped; with exact paths the real roots and the working directory; with `-C rpath`, of what is linked, where the outputs and the toolchain really are | decides names in outputs ([`crate::run::path_remap`]) |
//! | `Argument` | unit | option → value, in argv order | crate name, types, edition, target, cfg, every codegen, `-Z`, **lint level** and `--cap-lints` (a cached success must not hide a `deny`), `--error-format`, `--json`; unknown ones never get here, they are a bypass. Of a `--remap-path-prefix`, which directory that is as seen from the build directory, and what other roots lie in it |
//! | `SourcePath` | unit | – → the crate root | two crates may differ in nothing else |
//! | `SourcePath` | unit, not of members | – → the working directory | debug information holds it; for members it is the workspace root |
//! | `PackageVariable` | unit | `CARGO_PKG_*` → digest | macros read them at expansion (clap's `about`), which no compiler sees; a changed description changes no argument |
//! | `Extern` | unit | options and name → content | what is compiled against |
//! | `StaticLibrary` | unit | path → content | `-l static` goes into the output whole; so may every archive that a `#[link]` names in a searched directory of this checkout |
//! | `ArgumentFile` | unit | option → content | target specifications, `profile-use` |
//! | `Processor` | unit | – → digest of the real processor | `target-cpu=native` is another argument on each machine |
//! | `CompilerVariable` | unit | variable → digest, where set | rustc, the linker and clippy read these and do not tell |
//! | `DeclaredVariable` | unit | variable → digest or unset | `key_env_vars`, and `rerun-if-env-changed` of a package with hidden inputs |
//! | `DeclaredFile` | unit | path → content | `extra-inputs` |
//! | `Macro` | unit | library → content | procedural macros that could read on their own, also those reached through re-exports |
//! | `MacroVariable` | unit | variable → digest | set, and its name stands in the library of such a macro, whatever it looks like. Of `HOME` the path itself counts |
//! | `LintConfig` | unit, clippy | path → content | every `clippy.toml` above the package: dep-info does not tell where one could appear; manifests and the lock file, which it has lints for |
//! | `Source` | read | path → content | every file of the compiler's dep-info |
//! | `Read` | read | path → content | every other file that was seen to be read or started: by procedural macros, linkers and what they start ([`observed`](crate::action::observed) says what is left out), and those that the assembler reads, where a source names them literally ([`assembler`]); of one beside the workspace also the one in the same place of the checkout at hand |
//! | `Listed` | read | path → digest of its names | every directory that was seen to be listed |
//! | `Probed` | read | path → `absent`, `file`, … | every path that was seen to be asked for: what is not there today decides as well |
//! | `Variable` | read | variable → digest or unset | every `env!` and `option_env!` of the dep-info |
//! | `AskedVariable` | read, with macros or scripts | variable → digest or unset | its name stands as a word in capitals in a source, or in another text that was read, where such a macro or a program that was started may take it for a name; or it stands there in other letters between quotes or behind `$`, `{` or `%`, and is set; all words that do are one input more, so that they decide where they are not set. Or a program was started: one that is set counts if its name stands in the program or in a library that it may have loaded, as in those of macros; git asks for some, any for those of the language ([`crate::run::miss::environment_names`]); the tools of a linker read those that are `CompilerVariable`s. Or something in the directory for temporary files is an input: then those that name it |
//! | `Program` | read | name → where it is | every name that was looked for on `PATH`: another directory may stand first there; and what stands before it and cannot be run |
//! | `Executable` | read, observed | path → – | every one of those files that can be started as a program: a program that checks for it behaves differently if it cannot |
//! | `Library` | read | name → where it is | every name of a shared library that a loader or a linker looked for, where a directory of `LD_LIBRARY_PATH` that is neither cargo's nor the toolchain's has one |
//! | `Root` | read | root → real path, in all its spellings, and where its links lead | an output holds the real path, or was compiled with real paths because generated code asks for its own ([`crate::run::miss::generated`]), so it serves only where that is the same |
//! | `Sibling` | assumed | path → present | `foo.rs` and `foo/mod.rs` at once are an error that no content shows |
//! | `PackageTree` | assumed | package → content of its files | procedural macros that read on their own may read any of them; the workspace's manifest, for macros that have cargo find it |
//! | `DeclaredFile` | assumed | path → content | `rerun-if-changed` of a package with such macros |
//! | `Linker` | assumed, linked | – → content of driver, linker, start files, C library | they go into the output ([`linker`]) |
//! | `LinkFile` | assumed | name → content | scripts, objects and libraries that link arguments name; every library in a directory that the compiler or the linker searches, of which an attribute may ask for any: outside of the workspace and the build directory size and time stand for the content of all of them |
//! | `LinkedCrate` | assumed, linked | file stem → content | the linker reads the object code of the whole closure, of which rustc's metadata says nothing ([`closure`]) |
//!
//! # What is out
//!
//! - `-C linker`, `-C link-arg` and `-C link-args` of what is not linked: only a linker reads them.
//! - `--out-dir`, `-L dependency=`, paths of `--extern`: where things lie. What is there counts by content.
//! - `-C incremental`: left out of the compile as well. `--color`, `--diagnostic-width`: the terminal.
//! - `RUSTFLAGS` and its encoded twin: rustc does not read them; cargo has put their effect into argv.
//! - `CARGO_MAKEFLAGS`, terminal and session variables ([`crate::action::variables::may_read`]), among them those that name a directory for
//!   temporary files. That it is there, and what programs make in it for themselves, is no input; what was there is.
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
//! Macros that generated code invokes are looked for by name, in the sources of the crates that it depends on. One that
//! is imported under another name is not found, nor is a function that asks for the location of its caller: the path that
//! these see is mapped.
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
//! if a macro can start programs or ask servers ([`capability`]), wrote something into the workspace or where a variable
//! led it, or if the assembler read a file whose name is not written out, or may have: a source that uses the assembler
//! and has the means to compose a directive counts as such. What is not recognized: directives that a macro of another
//! crate composes, and files that a macro writes anywhere else.
//!
//! Neither with observation nor without is a unit served whose procedural macros write a profile each time they run, as
//! those of the workspace do where coverage is measured. Those that are known to read nothing are not looked at.
//!
//! Values of variables may be secrets. The key is made from their digests; what is stored beside an entry are digests
//! that are keyed with a secret of the store (`store::secret`).

pub mod depinfo;

pub mod assembler;

pub mod capability;

pub mod library_texts;

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
