//! Packs on their way from one store to another: what arrives is what was sent, and what was tampered with does not.
#![expect(clippy::disallowed_methods, reason = "it tampers with files from outside, as somebody else would")]

use std::io::{Read as _, Seek as _, Write as _};

use serde_json::Value;

use crate::digest::Digest;
use crate::invocation::Role;
use crate::remote::backend::{Body, Kind, Put, Remote as _};
use crate::remote::dir::Dir;
use crate::remote::layout::PackName;
use crate::remote::pack::{self, BadPack};
use crate::remote::signature::{NotBelieved, SigningKey, Trust, TrustedKey};
use crate::store::entry::Unreadable;
use crate::store::tests::Scene;
use crate::store::{Bucket, Store, transfer};
use crate::sys::fs;

/// A store with an entry, another one without, and a pack of the entry.
struct Transit {
    from: Scene,
    to: Scene,
    key: Digest,
    pack: Vec<u8>,
}

impl Transit {
    fn new(signing_key: Option<&SigningKey>) -> Transit {
        let (from, to) = (Scene::new(), Scene::new());
        let put = from.compile("1");
        from.store().put(&put).unwrap();
        let mut transit = Transit { from, to, key: put.key, pack: Vec::new() };
        transit.pack = transit.packed(signing_key);
        transit
    }

    fn packed(&self, signing_key: Option<&SigningKey>) -> Vec<u8> {
        let (portable, names) = self.from.store().export(&self.key).unwrap();
        let path = self.from.path("pack");
        let size_bytes = pack::write(&self.from.store(), &portable, &names, signing_key, 3, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(bytes.len() as u64, size_bytes);
        bytes
    }

    fn receive(&self, pack: &[u8], trust: &Trust) -> Result<u64, BadPack> {
        self.receive_as(&self.key, pack, trust)
    }

    fn receive_as(&self, key: &Digest, pack: &[u8], trust: &Trust) -> Result<u64, BadPack> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(pack).unwrap();
        file.rewind().unwrap();
        pack::read(&self.to.store(), key, &file, trust)
    }

    /// Whether the receiving store holds nothing at all.
    #[track_caller]
    fn nothing_arrived(&self) {
        let store = self.to.store();
        let mut problems = Vec::new();
        for bucket in Bucket::ALL {
            assert_eq!(store.files_in(bucket, &mut problems).len(), 0, "{bucket:?}");
        }
        assert_eq!(store.loose("tmp", &mut problems).len(), 0);
        assert_eq!(std::fs::read_dir(self.to.path("outside")).unwrap().count(), 0);
    }
}

fn trusting(key: &SigningKey) -> Trust {
    Trust::Signed(vec![TrustedKey::parse(&key.public()).unwrap()])
}

/// Files of an archive, by name.
type Files = Vec<(String, Vec<u8>)>;

/// The files of an archive.
fn unpacked(pack: &[u8]) -> Files {
    let mut archive = tar::Archive::new(zstd::Decoder::new(pack).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

/// A pack of these files, whose names may be anything.
fn repacked(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        encoder.write_all(content).unwrap();
        encoder.write_all(&vec![0; (512 - content.len() % 512) % 512]).unwrap();
    }
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap()
}

/// The pack with another statement.
fn with_statement(pack: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut files = unpacked(pack);
    let statement = files.iter_mut().find(|(name, _)| name == "pack.json").unwrap();
    let mut value = serde_json::from_slice(&statement.1).unwrap();
    change(&mut value);
    statement.1 = serde_json::to_vec(&value).unwrap();
    repacked(&files)
}

#[test]
fn what_arrives_is_what_was_sent() {
    let key = SigningKey::generate().unwrap();
    let transit = Transit::new(Some(&key));
    let n_bytes = transit.receive(&transit.pack, &trusting(&key)).unwrap();
    assert!(n_bytes > 0);
    let (from, to) = (transit.from.store(), transit.to.store());
    let (sent, arrived) = (from.entry(&transit.key).unwrap(), to.entry(&transit.key).unwrap());
    assert_eq!((&sent.artifacts, &sent.stderr), (&arrived.artifacts, &arrived.stderr));
    for (blob, size_bytes) in sent.blobs() {
        let read = |store: &Store| std::fs::read(store.blob(&blob, size_bytes).unwrap().0).unwrap();
        assert_eq!(read(&from), read(&to));
    }
    let unit_key = from.inputs(&transit.key).unwrap().unit_key;
    assert_eq!(to.lists(&unit_key).unwrap().len(), 1);
    let rlib = sent.artifacts.iter().find(|artifact| artifact.role == Role::Rlib).unwrap();
    assert_eq!(from.closure(&rlib.blob), to.closure(&rlib.blob));
    assert!(pack::is_stored(&to, &transit.key));
    // Once more, it brings nothing new.
    assert_eq!(transit.receive(&transit.pack, &trusting(&key)).unwrap(), 0);
    assert_eq!(to.loose("tmp", &mut Vec::new()).len(), 0);
}

#[test]
fn a_pack_is_the_same_whenever_it_is_made() {
    let transit = Transit::new(None);
    assert_eq!(transit.pack, transit.packed(None));
}

#[test]
fn an_altered_blob_is_not_sent() {
    let transit = Transit::new(None);
    let store = transit.from.store();
    let (portable, names) = store.export(&transit.key).unwrap();
    let (blob, size_bytes) = portable.entry.blobs().next().unwrap();
    let path = store.path(Bucket::Blobs, &blob);
    // The same size, and even the seal.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, vec![b'x'; size_bytes as usize]).unwrap();
    fs::set_modified(&path, crate::digest::seal::coarse(&blob)).unwrap();
    let to = transit.from.path("pack");
    let written = pack::write(&store, &portable, &names, None, 3, &to);
    assert!(matches!(written, Err(pack::NotPacked::Blob(_))), "{written:?}");
    assert!(!to.exists() && store.blob(&blob, size_bytes).is_err());
}

#[test]
fn a_pack_that_nobody_trusted_has_signed_is_refused() {
    let [key, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
    let transit = Transit::new(None);
    let refused = transit.receive(&transit.pack, &trusting(&key)).unwrap_err();
    assert!(matches!(refused, BadPack::NotBelieved(NotBelieved::NotSigned)), "{refused}");
    let refused = transit.receive(&transit.packed(Some(&other)), &trusting(&key)).unwrap_err();
    assert!(matches!(refused, BadPack::NotBelieved(NotBelieved::OtherKey)), "{refused}");
    transit.nothing_arrived();
    transit.receive(&transit.packed(Some(&other)), &Trust::Bucket).unwrap();
}

#[test]
fn a_signature_covers_the_key_the_entry_the_lists_and_all_files() {
    let key = SigningKey::generate().unwrap();
    let transit = Transit::new(Some(&key));
    let changes: [fn(&mut Value); 5] = [
        |statement| statement["entry"]["key"] = Digest::hash(b"other").to_hex().into(),
        |statement| statement["entry"]["entry"]["stderr"] = Value::Array(Vec::new()),
        |statement| statement["entry"]["lists"][0]["files"] = Value::Array(Vec::new()),
        |statement| statement["files"][0]["digest"] = Digest::hash(b"other").to_hex().into(),
        |statement| {
            statement["entry"]["entry"]["artifacts"][0]["blob"] = Digest::hash(b"other").to_hex().into();
        },
    ];
    for change in changes {
        let altered = with_statement(&transit.pack, change);
        let refused = transit.receive(&altered, &trusting(&key)).unwrap_err();
        assert!(matches!(refused, BadPack::NotBelieved(NotBelieved::Invalid)), "{refused}");
    }
    // A blob with other content.
    let mut files = unpacked(&transit.pack);
    files.last_mut().unwrap().1[0] ^= 1;
    let refused = transit.receive(&repacked(&files), &trusting(&key)).unwrap_err();
    assert!(matches!(refused, BadPack::Altered(_)), "{refused}");
    transit.nothing_arrived();
}

#[test]
fn a_pack_of_another_entry_is_refused() {
    let transit = Transit::new(None);
    let refused = transit.receive_as(&Digest::hash(b"other"), &transit.pack, &Trust::Bucket).unwrap_err();
    assert!(matches!(refused, BadPack::OtherKey), "{refused}");
    transit.nothing_arrived();
}

#[test]
fn no_damaged_or_cut_pack_arrives() {
    let transit = Transit::new(None);
    let content = |pack: &[u8]| zstd::decode_all(pack).ok();
    for at in 0..transit.pack.len() {
        let mut damaged = transit.pack.clone();
        damaged[at] ^= 0x10;
        // Some bits of the compressed form mean nothing.
        if content(&damaged) != content(&transit.pack) {
            assert!(transit.receive(&damaged, &Trust::Bucket).is_err(), "bit flipped in byte {at}");
        }
        assert!(transit.receive(&transit.pack[..at], &Trust::Bucket).is_err(), "cut at byte {at}");
    }
    assert!(transit.receive(&[&transit.pack[..], b"more"].concat(), &Trust::Bucket).is_err());
    transit.nothing_arrived();
}

#[test]
fn a_pack_holds_what_it_declares_and_nothing_else() {
    let transit = Transit::new(None);
    let files = unpacked(&transit.pack);
    let edited = |edit: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        edit(&mut files);
        transit.receive(&repacked(&files), &Trust::Bucket).unwrap_err()
    };
    // Every file is missing once, and doubled, and one more is there.
    for at in 0..files.len() {
        edited(&|files| drop(files.remove(at)));
        edited(&|files| files.insert(at, files[at].clone()));
    }
    edited(&|files| files.push(("blobs/more".to_owned(), Vec::new())));
    edited(&|files| files.swap(1, 2));
    for name in ["../../outside/x", "/etc/x", "blobs/../../../outside/x", "blobs/x"] {
        edited(&|files| files[1].0 = name.to_owned());
        let altered = with_statement(&transit.pack, |statement| statement["files"][0]["name"] = name.into());
        let mut files = unpacked(&altered);
        files[1].0 = name.to_owned();
        assert!(transit.receive(&repacked(&files), &Trust::Bucket).is_err(), "{name}");
    }
    transit.nothing_arrived();
}

#[test]
fn a_file_of_an_unknown_kind_is_checked_and_skipped() {
    let transit = Transit::new(None);
    let content = b"from a later version";
    let digest = Digest::hash(content).to_hex();
    for (declared, is_accepted) in [(digest.clone(), true), (Digest::hash(b"").to_hex(), false)] {
        let altered = with_statement(&transit.pack, |statement| {
            let file = serde_json::json!({"name": "seed/1", "size_bytes": content.len(), "digest": declared});
            statement["files"].as_array_mut().unwrap().push(file);
            statement["later"] = 1.into();
        });
        let mut files = unpacked(&altered);
        files.push(("seed/1".to_owned(), content.to_vec()));
        assert_eq!(transit.receive(&repacked(&files), &Trust::Bucket).is_ok(), is_accepted);
    }
}

#[test]
fn a_pack_that_grows_too_large_is_refused_before_it_is_written() {
    let transit = Transit::new(None);
    let altered = with_statement(&transit.pack, |statement| {
        statement["files"][0]["size_bytes"] = (1u64 << 40).into();
    });
    let refused = transit.receive(&altered, &Trust::Bucket).unwrap_err();
    assert!(matches!(refused, BadPack::TooLarge { .. }), "{refused}");
    // A statement that does not end.
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path("pack.json").unwrap();
    header.set_size(1 << 32);
    header.set_cksum();
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(header.as_bytes()).unwrap();
    let refused = transit.receive(&encoder.finish().unwrap(), &Trust::Bucket).unwrap_err();
    assert!(matches!(refused, BadPack::TooLarge { .. }), "{refused}");
    transit.nothing_arrived();
}

#[test]
fn an_entry_without_what_it_needs_is_refused() {
    let transit = Transit::new(None);
    let changes: [fn(&mut Value); 6] = [
        |statement| statement["format"] = 2.into(),
        |statement| statement["entry"]["entry"]["format"] = 99.into(),
        |statement| statement["entry"]["lists"] = Value::Array(Vec::new()),
        |statement| statement["entry"]["closures"] = Value::Array(Vec::new()),
        |statement| statement["entry"]["lists"][0]["asking"] = serde_json::json!([0]),
        |statement| {
            let closures = statement["entry"]["closures"].as_array_mut().unwrap();
            let mut other = closures[0].clone();
            other[0] = Digest::hash(b"of another crate").to_hex().into();
            closures.push(other);
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let altered = with_statement(&transit.pack, change);
        let received = transit.receive(&altered, &Trust::Bucket);
        // A list that asks a program of which nothing was read asks nobody.
        assert_eq!(received.is_err(), index != 4, "{index}: {received:?}");
    }
}

#[test]
fn a_run_of_a_build_script_arrives_only_on_the_same_kind_of_processor() {
    let transit = Transit::new(None);
    let as_run_on = |processor: Value| {
        let altered = with_statement(&transit.pack, |statement| {
            let script = serde_json::json!({
                "kind": "build-script",
                "name": "build script",
                "value": {"digest": Digest::hash(b"script").to_hex()},
            });
            statement["entry"]["inputs"]["unit"].as_array_mut().unwrap().push(script);
            statement["entry"]["processor"] = processor;
        });
        transit.receive(&altered, &Trust::Bucket)
    };
    let refused = as_run_on(Digest::hash(b"another processor").to_hex().into()).unwrap_err();
    assert!(matches!(refused, BadPack::OtherProcessor), "{refused}");
    assert!(as_run_on(Value::Null).is_err());
    transit.nothing_arrived();
    if let Some(own) = transfer::processor() {
        as_run_on(own.to_hex().into()).unwrap();
    }
}

#[test]
fn what_the_store_knows_itself_stays() {
    let transit = Transit::new(None);
    let put = transit.to.compile("1");
    assert_eq!(put.key, transit.key);
    transit.to.store().put(&put).unwrap();
    let altered = with_statement(&transit.pack, |statement| {
        statement["entry"]["entry"]["compile_ms"] = 77.into();
    });
    transit.receive(&altered, &Trust::Bucket).unwrap();
    assert_eq!(transit.to.store().entry(&transit.key).unwrap().compile_ms, put.entry.compile_ms);
}

#[test]
fn an_entry_that_lost_its_list_or_closure_is_not_exported() {
    let transit = Transit::new(None);
    let store = transit.from.store();
    assert!(matches!(store.entry(&Digest::hash(b"none")), Err(Unreadable::Missing)));
    let entry = store.entry(&transit.key).unwrap();
    let unit_key = store.inputs(&transit.key).unwrap().unit_key;
    std::fs::remove_file(store.path(Bucket::Units, &unit_key)).unwrap();
    assert!(store.export(&transit.key).is_err());
    let transit = Transit::new(None);
    let store = transit.from.store();
    for artifact in &entry.artifacts {
        let _ = std::fs::remove_file(store.path(Bucket::CrateClosures, &artifact.blob));
    }
    assert!(store.export(&transit.key).is_err());
}

#[test]
fn nothing_secret_or_of_this_machine_is_in_a_pack() {
    use crate::action::input_kinds::InputKind;
    use crate::action::input_list::Seen;
    use crate::action::portable::Portable;
    use crate::sys::fs::Identity;

    let scene = Scene::new();
    let mut put = scene.compile("1");
    let name = Portable::literal("TOKEN");
    put.inputs.unit.text(InputKind::CompilerVariable, name.clone(), Portable::literal("hunter2"));
    put.inputs.unit.variable(InputKind::DeclaredVariable, name, Some(&Portable::literal("hunter2")));
    let identity = Identity::at(&scene.path("workspace/lib.rs")).unwrap();
    put.list.seen = vec![Seen { file: 0, state: identity.numbers(), digest: Digest::hash(b"pub fn f() {}") }];
    scene.store().put(&put).unwrap();
    let (portable, _) = scene.store().export(&put.key).unwrap();
    let json = serde_json::to_string(&portable).unwrap();
    let concealed = scene.store().inputs(&put.key).unwrap();
    let private = concealed.unit.iter().filter(|input| input.name == Portable::literal("TOKEN"));
    for input in private {
        let value = serde_json::to_string(&input.value).unwrap();
        assert!(!json.contains(&value), "{value}");
    }
    let own_path = scene.path("").display().to_string();
    for text in ["hunter2", "seen", &Digest::hash(b"hunter2").to_hex(), &own_path] {
        assert!(!json.contains(text), "{text} in {json}");
    }
}

fn shared_dir() -> (tempfile::TempDir, Dir) {
    let dir = tempfile::tempdir().unwrap();
    let remote = Dir::new(dir.path());
    (dir, remote)
}

#[test]
#[cfg(unix)]
fn nothing_is_read_or_written_behind_links_in_a_shared_folder() {
    use std::os::unix::fs::symlink;

    let (dir, remote) = shared_dir();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "hidden").unwrap();
    symlink(outside.path(), dir.path().join("v1")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
    for name in ["v1/secret", "file"] {
        let name = name.parse().unwrap();
        let mut bytes = Vec::new();
        assert!(remote.get(&name, &mut bytes, 100).is_err());
        assert!(remote.head(&name).is_err() && bytes.is_empty());
    }
    assert!(remote.put_if_absent(&"v1/new".parse().unwrap(), Body::Bytes(b"x")).is_err());
    assert!(remote.put_if_absent(&"v1/a/b/new".parse().unwrap(), Body::Bytes(b"x")).is_err());
    assert!(remote.list(&"v1".parse().unwrap(), &mut |listed| panic!("{listed:?}")).is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_not_mounted_is_not_filled() {
    let (dir, _) = shared_dir();
    let remote = Dir::new(dir.path().join("missing"));
    let name = "v1/a".parse().unwrap();
    let error = remote.put_if_absent(&name, Body::Bytes(b"x")).unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert_eq!(remote.head(&name).unwrap_err().kind, Kind::Invalid);
    assert!(!dir.path().join("missing").exists());
}

#[test]
fn objects_are_found_below_a_folder_only() {
    let (_dir, remote) = shared_dir();
    let key = Digest::hash(b"key");
    let name = format!("v1/packs/a/1.0.0/0123456789abcdef/{key}/{key}.tar.zst").parse().unwrap();
    assert_eq!(remote.put_if_absent(&name, Body::Bytes(b"x")).unwrap(), Put::Stored);
    assert_eq!(remote.put_if_absent(&name, Body::Bytes(b"y")).unwrap(), Put::Existed);
    let mut found = Vec::new();
    remote.list(&"v1/packs/a".parse().unwrap(), &mut |listed| found.push(listed)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(PackName::parse(&found[0].name).unwrap().key, key);
    remote.list(&"v1/packs/b".parse().unwrap(), &mut |listed| panic!("{listed:?}")).unwrap();
}
