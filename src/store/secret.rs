//! The secret of a store: 32 random bytes that only its user can read.
//!
//! The key inputs that are kept beside an entry hold digests of the values of variables. A value may be a password, and
//! a short one is found by trying: so these digests are keyed with the secret before they are written. Two values can
//! still be compared within one store, which is all that an explanation needs. The secret never leaves the machine.

use std::io;

use crate::action::input_kinds::InputKind;
use crate::action::inputs::{KeyInputs, Value};
use crate::digest::Digest;
use crate::store::Store;
use crate::store::entry::StoredInputs;
use crate::sys::{fs, random};

/// The name of the file, in the root of a store.
const FILE: &str = "secret";

/// The secret of one store.
pub struct Secret([u8; 32]);

impl Secret {
    /// `inputs` without anything that tells the value of a variable to somebody who does not know the secret.
    pub fn conceal(&self, inputs: &StoredInputs) -> StoredInputs {
        StoredInputs {
            unit: self.conceal_values(&inputs.unit),
            read: self.conceal_values(&inputs.read),
            ..inputs.clone()
        }
    }

    fn conceal_values(&self, inputs: &KeyInputs) -> KeyInputs {
        let mut concealed = KeyInputs::default();
        for input in inputs.iter() {
            let value = match &input.value {
                Value::Digest(digest) if is_private(input.kind) => self.digest(digest.as_bytes()),
                Value::Text(text) if is_private(input.kind) => self.digest(text.as_bytes()),
                value => value.clone(),
            };
            concealed.push(input.kind, input.name.clone(), value);
        }
        concealed
    }

    fn digest(&self, bytes: &[u8]) -> Value {
        Value::Digest(Digest::keyed(&self.0, bytes))
    }
}

/// `inputs` without those that are made from something that the user may want to keep secret: another machine could not
/// compare them.
#[cfg(feature = "cli")]
pub(super) fn without_values(inputs: &StoredInputs) -> StoredInputs {
    StoredInputs { unit: public_only(&inputs.unit), read: public_only(&inputs.read), ..inputs.clone() }
}

#[cfg(feature = "cli")]
fn public_only(inputs: &KeyInputs) -> KeyInputs {
    let mut public = KeyInputs::default();
    for input in inputs.iter().filter(|input| !is_private(input.kind)) {
        public.push(input.kind, input.name.clone(), input.value.clone());
    }
    public
}

/// Whether inputs of this kind are made from something that the user may want to keep secret.
fn is_private(kind: InputKind) -> bool {
    matches!(
        kind,
        InputKind::Salt
            | InputKind::CompilerVariable
            | InputKind::PackageVariable
            | InputKind::DeclaredVariable
            | InputKind::MacroVariable
            | InputKind::Variable
            | InputKind::AskedVariable
    )
}

impl Store {
    /// The secret of this store. It is created when it is first needed.
    ///
    /// # Errors
    /// It can be neither read nor written, or the system has no source of randomness.
    pub fn secret(&self) -> io::Result<Secret> {
        let path = self.root().join(FILE);
        match read(&path) {
            Ok(Some(secret)) => return Ok(secret),
            // A damaged one is replaced; what was keyed with it compares as changed.
            Ok(None) => fs::remove(&path)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let bytes = random::secret_bytes()?;
        let temporary = self.temporary();
        self.make_room(&path, &temporary)?;
        match fs::private::is_shared() {
            // All users who store something need it.
            true => fs::private::write_new(&temporary, &bytes)?,
            false => fs::settle::write_private(&temporary, &bytes)?,
        }
        // A link fails where another process was faster, and that one's secret is the store's.
        let linked = match fs::hard_link(&temporary, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => fs::rename(&temporary, &path),
            result => result,
        };
        let _ = fs::remove(&temporary);
        match linked {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                read(&path)?.ok_or_else(|| io::Error::other("the secret of the store is damaged"))
            }
            result => result.map(|()| Secret(bytes)),
        }
    }
}

fn read(path: &std::path::Path) -> io::Result<Option<Secret>> {
    Ok(fs::read(path)?.try_into().ok().map(Secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::input_list::Basis;
    use crate::action::portable::Portable;

    fn inputs(value: &str) -> StoredInputs {
        let mut unit = KeyInputs::default();
        let name = Portable::literal("TOKEN");
        unit.variable(InputKind::DeclaredVariable, name.clone(), Some(&Portable::literal(value)));
        unit.text(InputKind::CompilerVariable, name.clone(), Portable::literal(value));
        unit.variable(InputKind::AskedVariable, name, None);
        unit.digest(InputKind::Source, Portable::literal("lib.rs"), Digest::hash(b"source"));
        StoredInputs { unit_key: unit.key(), read: unit.clone(), unit, basis: Basis::Observed }
    }

    #[test]
    fn values_are_concealed_and_can_still_be_compared() {
        let secret = Secret([7; 32]);
        let concealed = secret.conceal(&inputs("hunter2"));
        let text = serde_json::to_string(&concealed).expect("serializes");
        assert!(!text.contains("hunter2") && !text.contains(&Digest::hash(b"hunter2").to_hex()), "{text}");
        assert!(text.contains(&Digest::hash(b"source").to_hex()), "{text}");
        assert_eq!(concealed, secret.conceal(&inputs("hunter2")));
        assert_ne!(concealed.unit, secret.conceal(&inputs("hunter3")).unit);
        assert_ne!(concealed, Secret([8; 32]).conceal(&inputs("hunter2")));
        assert_eq!(concealed.unit_key, inputs("hunter2").unit_key);
    }

    #[test]
    fn a_store_keeps_its_secret_and_replaces_a_damaged_one() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(dir.path());
        let first = store.secret().expect("creates it").0;
        assert_eq!(store.secret().expect("reads it").0, first);
        let other = tempfile::tempdir().expect("temporary directory");
        assert_ne!(Store::at(other.path()).secret().expect("creates it").0, first);
        let path = store.root().join(FILE);
        fs::remove(&path).expect("removes");
        fs::write_new(&path, b"short").expect("writes");
        let second = store.secret().expect("replaces it").0;
        assert_ne!(second, first);
        assert_eq!(store.secret().expect("reads it").0, second);
    }
}
