//! Where the placeholder is found, and what is written over it.

#![expect(clippy::disallowed_methods, reason = "programs are made here")]

use super::*;

#[test]
fn debug_information_that_is_compressed_is_known_by_every_option() {
    let compresses = [
        "link-arg=-gz",
        "link-args=-s -gz=zlib",
        "link-arg=-Wl,--compress-debug-sections=zstd",
        "link-arg=--compress-debug=zlib",
        "debuginfo-compression=zlib",
    ];
    assert!(compresses.iter().all(|value| is_compression(value.as_bytes())));
    let others = ["link-arg=-g", "link-arg=-Wl,-z,now", "link-arg=a-gz", "debuginfo=2"];
    assert!(!others.iter().any(|value| is_compression(value.as_bytes())));
}

/// A section: its name, `sh_type`, `sh_flags` and content.
type Section<'a> = (&'a str, u64, u64, &'a [u8]);

const PROGBITS: u64 = 1;
const STRTAB: u64 = 3;

/// An ELF file of these sections, and where each of them is.
fn elf(is_64: bool, is_little: bool, sections: &[Section<'_>]) -> (Vec<u8>, Vec<usize>) {
    let number = |value: u64, n_bytes: usize| {
        let bytes = if is_little { value.to_le_bytes() } else { value.to_be_bytes() };
        if is_little { bytes[..n_bytes].to_vec() } else { bytes[8 - n_bytes..].to_vec() }
    };
    let word = if is_64 { 8 } else { 4 };
    let names: Vec<u8> =
        [".shstrtab"].into_iter().chain(sections.iter().map(|it| it.0)).fold(vec![0], |mut names, name| {
            names.extend(name.bytes());
            names.push(0);
            names
        });
    let all: Vec<Section<'_>> = [("", 0, 0, &b""[..]), (".shstrtab", STRTAB, 0, &names)]
        .into_iter()
        .chain(sections.to_vec())
        .collect();
    let head_bytes = if is_64 { 64 } else { 52 };
    let mut file = vec![0; head_bytes];
    let mut starts = Vec::new();
    for section in &all {
        starts.push(file.len());
        file.extend_from_slice(section.3);
    }
    let table = file.len();
    for (section, start) in all.iter().zip(&starts) {
        let name = [b"\0", section.0.as_bytes(), b"\0"].concat();
        let name = Finder::new(&name).find(&names).map_or(0, |at| at + 1);
        let fields = [(section.2, word), (0, word), (*start as u64, word), (section.3.len() as u64, word)];
        file.extend([number(name as u64, 4), number(section.1, 4)].concat());
        fields.iter().for_each(|(value, n_bytes)| file.extend(number(*value, *n_bytes)));
        file.extend(vec![0; if is_64 { 24 } else { 16 }]);
    }
    file[..4].copy_from_slice(b"\x7fELF");
    (file[4], file[5]) = (1 + u8::from(is_64), 2 - u8::from(is_little));
    let (offset, sizes) = if is_64 { (40, 58) } else { (32, 46) };
    file[offset..offset + word].copy_from_slice(&number(table as u64, word));
    let row_bytes = if is_64 { 64 } else { 40 };
    let counts = [row_bytes, all.len() as u64, 1].map(|value| number(value, 2)).concat();
    file[sizes..sizes + 6].copy_from_slice(&counts);
    (file, starts.split_off(2))
}

/// Writes `directory` into a file with this content, and answers what it holds then.
fn written(content: &[u8], directory: &Path) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("program");
    std::fs::write(&path, content).expect("written");
    let found = fs::open(&path).and_then(|file| places(&file));
    if let Ok(found) = &found {
        let copy = dir.path().join("copy");
        std::fs::write(&copy, content).expect("written");
        write(&copy, found, directory).expect("written");
        write_into_linked(&path, directory).expect("written");
        assert_eq!(std::fs::read(copy).expect("read"), std::fs::read(&path).expect("read"));
    }
    std::fs::read(&path).expect("read")
}

fn strings(strings: &[&str]) -> Vec<u8> {
    strings.iter().flat_map(|string| [string.as_bytes(), b"\0"].concat()).collect()
}

const HERE: &str = "/home/me/work";

#[test]
fn it_is_written_into_strings_of_debug_information_and_nowhere_else() {
    let longer = format!("a/{PLACEHOLDER}");
    let further = format!("{PLACEHOLDER}/src");
    let table = strings(&["main", PLACEHOLDER, &longer, &further, "x", PLACEHOLDER]);
    let first = strings(&[PLACEHOLDER]);
    for (is_64, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
        let (file, at) = elf(
            is_64,
            is_little,
            &[
                (".rodata", PROGBITS, LOADED, &table),
                (".debug_str", PROGBITS, 0x30, &table),
                (".debug_line_str", PROGBITS, 0x30, &first),
                (".debug_info", PROGBITS, 0, &table),
            ],
        );
        let mut expected = file.clone();
        let string = strings(&[HERE]);
        let places = [at[1] + 5, at[1] + table.len() - STRING.len(), at[2]];
        for place in places {
            expected[place..place + string.len()].copy_from_slice(&string);
        }
        assert_eq!(written(&file, Path::new(HERE)), expected, "{is_64} {is_little}");
        assert_eq!(written(&expected, Path::new(HERE)), expected);
    }
}

/// `SHF_ALLOC` and `SHF_COMPRESSED`.
const LOADED: u64 = 2;
const COMPRESSED: u64 = 0x800;

#[test]
fn what_is_not_recognized_is_left_alone() {
    let table = strings(&[PLACEHOLDER]);
    let file = |name: &str, kind: u64, flags: u64| elf(true, true, &[(name, kind, flags, &table)]).0;
    let plain = file(".debug_str", PROGBITS, 0);
    assert_ne!(written(&plain, Path::new(HERE)), plain);
    let mut others = vec![
        file(".debug_str", PROGBITS, COMPRESSED),
        file(".debug_str", PROGBITS, LOADED),
        file(".debug_str", 8, 0),
        file(".zdebug_str", PROGBITS, 0),
        file(".debug_str.dwo", PROGBITS, 0),
        [b"\0", PLACEHOLDER.as_bytes(), b"\0"].concat(),
        b"!<arch>\n".to_vec(),
        Vec::new(),
    ];
    others.extend((0..plain.len()).step_by(7).map(|n_bytes| plain[..n_bytes].to_vec()));
    for other in others {
        assert_eq!(written(&other, Path::new(HERE)), other);
    }
    let too_long = format!("/{}", "d".repeat(LENGTH - MOST_SHARED - 1));
    for directory in [&too_long, "relative", "/with\0nul"] {
        assert_eq!(written(&plain, Path::new(directory)), plain, "{directory}");
    }
    let longest = &too_long[..too_long.len() - 1];
    let found = written(&plain, Path::new(longest));
    assert!(Finder::new(longest).find(&found).is_some());
}

/// A linker lets a string point into the end of a longer one.
#[test]
fn strings_that_share_its_end_stay() {
    let (file, at) = elf(true, true, &[(".debug_str", PROGBITS, 0, &STRING)]);
    let longest = format!("/{}", "d".repeat(LENGTH - MOST_SHARED - 2));
    let found = written(&file, Path::new(&longest));
    for shared in [".", "./.", "/./././"].map(|end| [end.trim_end_matches('/'), "\0"].concat()) {
        let string = &found[at[0]..at[0] + STRING.len()];
        assert!(string.ends_with(shared.as_bytes()), "{}", string.escape_ascii());
    }
}

#[test]
fn it_is_found_wherever_pieces_of_a_section_end() {
    for n_before in [PIECE - 300, PIECE - 256, PIECE - 255, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 100] {
        let table = [vec![b'x'; n_before - 1], vec![0], STRING.to_vec(), STRING.to_vec()].concat();
        let (file, at) = elf(true, true, &[(".debug_str", PROGBITS, 0, &table)]);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("program");
        std::fs::write(&path, file).expect("written");
        let found = fs::open(&path).and_then(|file| places(&file)).expect("read");
        let first = (at[0] + n_before) as u64;
        assert_eq!(found, [first, first + STRING.len() as u64], "{n_before}");
    }
}

#[test]
fn another_name_of_a_file_keeps_it_as_it_is() {
    let (file, _) = elf(true, true, &[(".debug_str", PROGBITS, 0, &STRING)]);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("program");
    std::fs::write(&path, &file).expect("written");
    std::fs::hard_link(&path, dir.path().join("name")).expect("linked");
    write_into_linked(&path, Path::new(HERE)).expect("it is left alone");
    assert_eq!(std::fs::read(&path).expect("read"), file);
}

#[test]
fn what_is_the_same_in_every_tree_gets_a_dot() {
    let (file, at) = elf(true, true, &[(".debug_str", PROGBITS, 0, &STRING)]);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("library.so");
    std::fs::write(&path, &file).expect("written");
    write_dot_into_linked(&path).expect("written");
    assert!(std::fs::read(&path).expect("read")[at[0]..].starts_with(b".\0././"));
}

#[test]
fn places_that_hold_something_else_are_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("program");
    let content = [b"ab".as_slice(), &STRING].concat();
    std::fs::write(&path, &content).expect("written");
    write(&path, &[0, 1, 3, 400, 1 << 40], Path::new(HERE)).expect("nothing is written");
    assert_eq!(std::fs::read(&path).expect("read"), content);
    write(&path, &[2], Path::new(HERE)).expect("written");
    assert!(std::fs::read(&path).expect("read").starts_with(b"ab/home/me/work\0./."));
}
