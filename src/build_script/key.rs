//! The unit key of a run: what is known before it runs.

use crate::action::input_kinds::InputKind;
use crate::action::inputs::KeyInputs;
use crate::action::portable::Portable;
use crate::build_script::environment::Decisive;
use crate::build_script::places::Places;
use crate::digest::Digest;
use crate::key::SCHEMA;
use crate::key::toolchain::Toolchain;
use crate::sys::env::Env;
use crate::sys::os;

/// The inputs that make the unit key of a run of the program with this content.
pub fn unit_inputs(
    program: &Digest,
    places: &Places,
    toolchain: &Toolchain,
    env: &Env,
    salt: &str,
    decisive: Decisive<'_>,
) -> KeyInputs {
    let roots = &places.build_dirs.roots;
    let mut inputs = KeyInputs::default();
    inputs.text(InputKind::Schema, Portable::default(), Portable::literal(SCHEMA));
    let salt = Portable::literal(salt);
    inputs.variable(InputKind::Salt, Portable::default(), Some(&salt));
    let name = match decisive {
        Decisive::All => "build script",
        Decisive::Named(_) => "build script that starts only compilers",
    };
    inputs.digest(InputKind::BuildScript, Portable::literal(name), *program);
    inputs.digest(InputKind::Compiler, Portable::literal(&toolchain.release), toolchain.digest);
    let directory = roots.tokenize(os::bytes(&places.build_dirs.cwd));
    inputs.text(InputKind::SourcePath, Portable::literal("directory"), directory);
    let mut variables: Vec<_> = env
        .vars()
        .filter(|(name, _)| name.to_str().is_none_or(|name| decisive.includes(name)))
        .map(|(name, value)| {
            let value = places.deciding_value(name, value);
            (Portable::literal(os::bytes(name)), roots.tokenize(os::bytes(&value)))
        })
        .collect();
    variables.sort();
    for (name, value) in variables {
        inputs.variable(InputKind::Environment, name, Some(&value));
    }
    inputs
}
