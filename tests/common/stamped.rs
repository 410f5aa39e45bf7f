//! Binaries of other builds: copies of the one under test with another build stamp, from which the program reads what it
//! takes itself for.

/// The program as the release `version` with this identity.
pub(crate) fn stamped(id: u8, version: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(env!("CARGO_BIN_EXE_kache")).expect("it was built");
    let mark = b"kache-build id=";
    let at = memchr::memmem::find(&bytes, mark).expect("the binary has its stamp") + mark.len();
    let end = memchr::memchr(b' ', &bytes[at..]).expect("there is more in it") + at;
    bytes[at..end].copy_from_slice(format!("{id:032x}").as_bytes());
    let after = bytes[end..end + 80].to_vec();
    let dev = memchr::memmem::find(&after, b"dev=").expect("it says that") + 4 + end;
    bytes[dev] = b'0';
    let from = memchr::memmem::find(&after, b"version=").expect("it has one") + 8 + end;
    bytes[from..from + version.len()].copy_from_slice(version.as_bytes());
    bytes
}
