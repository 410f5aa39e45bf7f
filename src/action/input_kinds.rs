//! The kinds of inputs. This table is all there is to say about a kind: a new one is a new row here.
//!
//! Its first lines are the specification: what the name and the value of such an input are, and why it decides. Then
//! come the levels of the key that hold it, how kache learns of it, its name in `kache list --inputs`, and the words
//! of `kache why-miss`.

use serde::{Deserialize, Serialize};

/// Which part of a key an input belongs to. [`crate::key`] describes the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The unit key: known before any source is read.
    Unit,
    /// Read by the compile, named by its input list.
    Read,
    /// Taken for read by rules, where the compile was not observed.
    Assumed,
}

/// How kache learned of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LearnedFrom {
    /// The call itself: arguments, compiler, dependencies, environment.
    Call,
    /// Declared by the configuration, a manifest or a build script.
    Declared,
    /// Listed in the compiler's dep-info.
    DepInfo,
    /// Observed: the compile read, listed, executed or looked for it.
    Observed,
    /// Assumed by a rule.
    Rules,
    /// Found in an output.
    Output,
}

impl LearnedFrom {
    /// A heading for reports.
    pub fn words(self) -> &'static str {
        match self {
            LearnedFrom::Call => "from the call",
            LearnedFrom::Declared => "declared",
            LearnedFrom::DepInfo => "reported by the compiler (dep-info)",
            LearnedFrom::Observed => "observed",
            LearnedFrom::Rules => "assumed by rules",
            LearnedFrom::Output => "found in an output",
        }
    }
}

/// How `kache why-miss` words a difference. `{}` stands for the name of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// A subject, followed by `changed`, `is new` or `is gone`.
    Content(&'static str),
    /// A subject, followed by `is now set`, `is no longer set` or `has another value`.
    Variable(&'static str),
    /// A clause, followed by `NEW instead of OLD`.
    Text(&'static str),
    /// Three sentences.
    Sentences {
        /// The input is new.
        added: &'static str,
        /// The input is gone.
        removed: &'static str,
        /// The value changed; ` NEW instead of OLD` follows where the value is a text.
        changed: &'static str,
    },
    /// An argument of the compiler, spelled as on the command line.
    Argument,
}

/// What there is to say about a kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The kind.
    pub kind: InputKind,
    /// The parts of a key that may hold it.
    pub levels: &'static [Level],
    /// How kache learns of it.
    pub learned: LearnedFrom,
    /// What it is called in reports.
    pub name: &'static str,
    /// How a difference is worded.
    pub wording: Wording,
}

/// Declares [`InputKind`] and its table.
macro_rules! input_kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $number:literal {
        levels: [$($level:ident),+],
        learned: $learned:ident,
        name: $name:literal,
        wording: $wording:expr,
    })+) => {
        /// What kind of thing an input is, and with that the specification of what is in a key.
        ///
        /// The number is part of the digest: numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum InputKind {
            $($(#[doc = $doc])+ $kind = $number,)+
        }

        impl InputKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &[InputKind] = &[$(InputKind::$kind),+];

            /// What there is to say about this kind.
            pub const fn description(self) -> Description {
                use Wording::*;
                match self {
                    $(InputKind::$kind => Description {
                        kind: InputKind::$kind,
                        levels: &[$(Level::$level),+],
                        learned: LearnedFrom::$learned,
                        name: $name,
                        wording: $wording,
                    },)+
                }
            }
        }
    };
}

input_kinds! {
    /// The version of the key, [`SCHEMA`](crate::key::SCHEMA). Whatever changes the meaning of keys or the bytes of
    /// outputs makes all keys new.
    Schema = 1 {
        levels: [Unit],
        learned: Call,
        name: "version of the key",
        wording: Text("the version of kache's keys is"),
    }
    /// The digest of `key_salt`: lets the user start over.
    Salt = 2 {
        levels: [Unit],
        learned: Call,
        name: "key salt",
        wording: Variable("the key salt"),
    }
    /// Release → content of the compiler, of every library that is loaded with it, and the list of those that are
    /// loaded into every program; std and linkers of the toolchain, each file of which is looked at again; whether the
    /// sources of std are installed. Two builds of rustc can print the same banner, and the same build can run on
    /// another LLVM ([`toolchain`](crate::key::toolchain)).
    Compiler = 3 {
        levels: [Unit],
        learned: Call,
        name: "compiler",
        wording: Sentences {
            added: "the compiler is now identified: {}",
            removed: "the compiler is no longer identified",
            changed: "the compiler changed: it is {} now",
        },
    }
    /// How paths are mapped, and whether the workspace is mapped to a placeholder; with exact paths, the real roots and
    /// the working directory; with `-C rpath`, where the outputs and the toolchain really are, for what is linked. Decides
    /// names in outputs ([`path_remap`](crate::run::path_remap)).
    Paths = 4 {
        levels: [Unit],
        learned: Call,
        name: "path remap",
        wording: Text("the mapping of paths is"),
    }
    /// Option → value, in the order of the command line: crate name, types, edition, target, cfg, every codegen and
    /// `-Z` option, lint levels and `--cap-lints` (a cached success must not hide a `deny`), `--error-format`,
    /// `--json`. Unknown ones never get here: they are a bypass. Of a `--remap-path-prefix`, which directory that is
    /// as seen from the build directory, and which other roots lie in it.
    Argument = 5 {
        levels: [Unit],
        learned: Call,
        name: "argument",
        wording: Argument,
    }
    /// The crate root, because two crates may differ in nothing else; and, but for members of the workspace, the
    /// working directory, because debug information holds it (for members it is the workspace root).
    SourcePath = 6 {
        levels: [Unit],
        learned: Call,
        name: "source path",
        wording: Text("the {} is"),
    }
    /// Options and name of a dependency → its content: what is compiled against.
    Extern = 7 {
        levels: [Unit],
        learned: Call,
        name: "dependency",
        wording: Content("dependency `{}`"),
    }
    /// Path → content. `-l static` goes into the output whole; so may every archive that a `#[link]` names in a
    /// searched directory of this checkout.
    StaticLibrary = 8 {
        levels: [Unit],
        learned: Call,
        name: "static library",
        wording: Content("static library `{}`"),
    }
    /// Option → content: target specifications, `profile-use`.
    ArgumentFile = 9 {
        levels: [Unit],
        learned: Call,
        name: "file of an argument",
        wording: Content("the file that `{}` names"),
    }
    /// The digest of the real processor: `target-cpu=native` is another argument on each machine.
    Processor = 10 {
        levels: [Unit],
        learned: Call,
        name: "processor",
        wording: Content("the processor that `target-cpu=native` stands for"),
    }
    /// Variable → digest, where set: rustc, the linker and clippy read these and do not tell. Where a link is not
    /// observed, also `loader` → each directory in which the loader looks first.
    CompilerVariable = 11 {
        levels: [Unit, Assumed],
        learned: Call,
        name: "variable for the compiler",
        wording: Variable("variable `{}`, which the compiler reads,"),
    }
    /// Variable → digest, or that it is not set: `key_env_vars`, and `rerun-if-env-changed` of a package with hidden
    /// inputs.
    DeclaredVariable = 12 {
        levels: [Unit],
        learned: Declared,
        name: "declared variable",
        wording: Variable("variable `{}`, declared as an input,"),
    }
    /// Path → content: `extra-inputs` in the unit key; where nothing is observed, `rerun-if-changed` of a package with
    /// procedural macros.
    DeclaredFile = 13 {
        levels: [Unit, Assumed],
        learned: Declared,
        name: "declared file",
        wording: Content("`{}`, declared as an input,"),
    }
    /// Library → content: procedural macros that could read on their own, also those reached through re-exports.
    Macro = 14 {
        levels: [Unit],
        learned: Rules,
        name: "procedural macro",
        wording: Content("procedural macro `{}`, which may read files,"),
    }
    /// Variable → digest: it is set, and its name stands in the library of such a macro, whatever it looks like. Of
    /// `HOME`, the path itself counts.
    MacroVariable = 15 {
        levels: [Unit],
        learned: Rules,
        name: "named in a macro's library",
        wording: Variable("variable `{}`, which a procedural macro may read,"),
    }
    /// Package → content of its files: procedural macros that read on their own may read any of them. The workspace's
    /// manifest, for macros that have cargo find it.
    PackageTree = 16 {
        levels: [Assumed],
        learned: Rules,
        name: "all files below",
        wording: Content("the content of the files below `{}`, which a procedural macro may read,"),
    }
    /// Path → content, for clippy: every `clippy.toml` above the package, since dep-info does not tell where one could
    /// appear; manifests and the lock file, which it has lints for.
    LintConfig = 17 {
        levels: [Unit],
        learned: Rules,
        name: "for clippy",
        wording: Content("lint configuration `{}`"),
    }
    /// The content of driver, linker, start files and C library, for what is linked: they go into the output
    /// ([`linker`](crate::key::linker)).
    Linker = 18 {
        levels: [Assumed],
        learned: Rules,
        name: "linker",
        wording: Content("the linker or a file of it, `{}`,"),
    }
    /// Name → content: scripts, objects and libraries that link arguments name; every library in a directory that the
    /// compiler or the linker searches, of which an attribute may ask for any. Outside of the workspace and the build
    /// directory, size and time stand for the content of all of them.
    LinkFile = 19 {
        levels: [Assumed],
        learned: Rules,
        name: "for the linker",
        wording: Content("`{}`, which goes into the link,"),
    }
    /// File stem → content, for what is linked: the linker reads the object code of the whole closure, of which
    /// rustc's metadata says nothing ([`closure`](crate::key::closure)).
    LinkedCrate = 20 {
        levels: [Assumed],
        learned: Rules,
        name: "linked crate",
        wording: Content("crate `{}`, which is linked in,"),
    }
    /// Path → content: every file of the compiler's dep-info.
    Source = 21 {
        levels: [Read],
        learned: DepInfo,
        name: "source file",
        wording: Sentences {
            added: "source file `{}` is read now",
            removed: "source file `{}` is no longer read",
            changed: "source file `{}` changed",
        },
    }
    /// Path → that it is there: `foo.rs` and `foo/mod.rs` at once are an error that no content shows.
    Sibling = 22 {
        levels: [Assumed],
        learned: Rules,
        name: "other spelling of a module",
        wording: Sentences {
            added: "`{}` is there in both spellings of a module",
            removed: "`{}` is there in one spelling of a module only",
            changed: "`{}`, the other spelling of a module, changed",
        },
    }
    /// Variable → digest, or that it is not set: every `env!` and `option_env!` of the dep-info.
    Variable = 23 {
        levels: [Read],
        learned: DepInfo,
        name: "variable",
        wording: Variable("environment variable `{}`"),
    }
    /// Root → real path, in all its spellings, and where its links lead. An output holds the real path, or was
    /// compiled with real paths because generated code asks for its own
    /// ([`generated`](crate::run::miss::generated)): it serves only where that path is the same.
    Root = 24 {
        levels: [Read],
        learned: Output,
        name: "real path",
        wording: Text("the real path of `{}`, which stands in the output, is"),
    }
    /// `CARGO_PKG_*` → digest. Macros read them at expansion (clap's `about`), which no compiler sees: a changed
    /// description changes no argument.
    PackageVariable = 25 {
        levels: [Unit],
        learned: Call,
        name: "from the manifest",
        wording: Variable("`{}`, from the package's manifest,"),
    }
    /// Variable → digest, or that it is not set, with macros or scripts. Its name stands as a word in capitals in a
    /// source, or in another text that was read, where such a macro or a program that was started may take it for a
    /// name; or it stands there in other letters between quotes or behind `$`, `{` or `%`, and is set. All words that
    /// do are one input more, so that they decide where they are not set. Or a program was started: a variable that is
    /// set counts if its name stands in the program or in a library that it may have loaded, as in those of macros;
    /// git asks for some, any program for those of the language
    /// ([`asked_variables`](crate::run::miss::asked_variables)); the tools of a linker read those that are
    /// [`CompilerVariable`](InputKind::CompilerVariable)s. Or something in the directory for temporary files is an
    /// input: then those that name it.
    AskedVariable = 26 {
        levels: [Read],
        learned: Rules,
        name: "named in a source",
        wording: Variable("variable `{}`, which a procedural macro or a build script may read,"),
    }
    /// Path → content: every other file that was seen to be read or started, by procedural macros, linkers and what
    /// they start ([`observed`](crate::action::observed) says what is left out), and those that the assembler reads,
    /// where a source names them literally ([`assembler`](crate::key::assembler)). Of one beside the workspace, also
    /// the one in the same place of the checkout at hand.
    Read = 27 {
        levels: [Read],
        learned: Observed,
        name: "file",
        wording: Content("`{}`, which was read when it was compiled,"),
    }
    /// Path → digest of its names: every directory that was seen to be listed.
    Listed = 28 {
        levels: [Read],
        learned: Observed,
        name: "directory listing",
        wording: Sentences {
            added: "the names in `{}`, which is listed now, count",
            removed: "the names in `{}`, which is no longer listed, do not count any more",
            changed: "the names in `{}`, which was listed, changed",
        },
    }
    /// Path → `absent`, `file`, …: every path that was seen to be asked for. What is not there today decides as well.
    Probed = 29 {
        levels: [Read],
        learned: Observed,
        name: "looked for",
        wording: Sentences {
            added: "`{}` is looked for now",
            removed: "`{}` is no longer looked for",
            changed: "at `{}`, which was looked for, is",
        },
    }
    /// Name → where it is: every name that was looked for on `PATH`, as another directory may hold it first there; and
    /// what stands before it and cannot be run.
    Program = 30 {
        levels: [Read],
        learned: Observed,
        name: "program",
        wording: Sentences {
            added: "program `{}` is started now",
            removed: "program `{}` is no longer started",
            changed: "program `{}` is",
        },
    }
    /// Path: every observed file that can be started as a program. A program that checks for it behaves differently
    /// where it cannot.
    Executable = 31 {
        levels: [Read],
        learned: Observed,
        name: "executable",
        wording: Sentences {
            added: "`{}` can now be started as a program",
            removed: "`{}` can no longer be started as a program",
            changed: "`{}`, which can be started as a program, changed",
        },
    }
    /// Name → where it is: every name of a shared library that a loader or a linker looked for, where a directory of
    /// `LD_LIBRARY_PATH` that is neither cargo's nor the toolchain's has one.
    Library = 32 {
        levels: [Read],
        learned: Observed,
        name: "library found first",
        wording: Sentences {
            added: "library `{}` is found through LD_LIBRARY_PATH now",
            removed: "library `{}` is no longer found through LD_LIBRARY_PATH",
            changed: "library `{}` is found through LD_LIBRARY_PATH:",
        },
    }
    /// The content of a compiled build script, for its runs.
    BuildScript = 33 {
        levels: [Unit],
        learned: Call,
        name: "build script",
        wording: Content("the compiled build script"),
    }
    /// Variable → digest, for a run of a build script: every variable that is set, but for those of
    /// [`variables`](crate::action::variables) that belong to a session or to one build.
    Environment = 34 {
        levels: [Unit],
        learned: Call,
        name: "variable of a build script",
        wording: Variable("variable `{}` in the environment of the build script"),
    }
}
