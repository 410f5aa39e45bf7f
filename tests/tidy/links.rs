//! Links of the documents and of the book in `docs/`: each leads to a file, and each anchor to a heading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::none;
use crate::source::{files_below, root};

const DOCUMENTS: [&str; 4] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
const BOOK: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";

/// Files whose links and names are checked: paths below the project's root.
pub(crate) fn documents() -> Vec<String> {
    DOCUMENTS.into_iter().map(str::to_owned).chain(pages()).collect()
}

/// Every file of the book, SUMMARY.md included.
fn pages() -> Vec<String> {
    let files = files_below(&root().join(BOOK));
    files.iter().map(|path| relative(path)).filter(|path| path.ends_with(".md")).collect()
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

pub(crate) fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"))
}

/// `text` without fenced blocks. Lines stay where they are.
fn without_blocks(text: &str) -> String {
    let mut is_block = false;
    let mut outside = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !is_fence && !is_block {
            outside.push_str(line);
        }
        is_block ^= is_fence;
        outside.push('\n');
    }
    outside
}

/// What stands between backticks in `text`, outside of fenced blocks.
pub(crate) fn code_spans(text: &str) -> Vec<String> {
    let text = without_blocks(text);
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// The targets of links in `text`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let text = without_blocks(text);
    let prose: String = text
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => part.chars().filter(|c| *c == '\n').collect(),
        })
        .collect();
    let mut links = Vec::new();
    for (start, _) in prose.match_indices("](") {
        let target = prose[start + 2..].split([')', ' ', '\n']).next().unwrap_or_default();
        links.push((line_at(&prose, start), target.to_owned()));
    }
    for (index, line) in prose.lines().enumerate() {
        if let Some((_, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
            links.push((index + 1, target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    links
}

fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The anchors of the headings in `text`, as mdBook and forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in without_blocks(text).lines() {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let lower = title.trim().to_lowercase().replace(' ', "-");
        let anchor: String = lower.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        let is_new = anchors.insert(anchor.clone());
        let mut number = 1;
        while !is_new && !anchors.insert(format!("{anchor}-{number}")) {
            number += 1;
        }
    }
    anchors
}

/// What is wrong with the links of `text`, which is the document `name`.
fn broken_links(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (line, link) in links(text) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        if let Err(why) = follow(name, text, &link) {
            problems.push(format!("{name}:{line}: {link}: {why}"));
        }
    }
    problems
}

fn follow(name: &str, text: &str, link: &str) -> Result<(), &'static str> {
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    if path.is_empty() && anchor.is_none() {
        return Err("the link is empty");
    }
    let target = match path {
        "" => name.to_owned(),
        path => normalized(&Path::new(name).with_file_name(path)),
    };
    if name.starts_with(BOOK) && !target.starts_with("docs/src/") {
        return Err("mdBook publishes docs/src alone; name the file in backticks");
    }
    if !path.is_empty() && !root().join(&target).exists() {
        return Err("there is no such file");
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let target = if path.is_empty() { text.to_owned() } else { read(&target) };
    match anchors(&target).contains(anchor) {
        true => Ok(()),
        false => Err("there is no such heading"),
    }
}

/// `path` without `.` and `..`.
fn normalized(path: &Path) -> String {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                if !parts.pop() {
                    parts.push("..");
                }
            }
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    relative(&parts)
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let problems: Vec<String> =
        documents().iter().flat_map(|document| broken_links(document, &read(document))).collect();
    none(&problems, "Correct the link, or the heading that it leads to");
    for document in ["README.md", SUMMARY] {
        assert!(links(&read(document)).len() > 10, "links of {document} are not recognized");
    }
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = read(SUMMARY);
    let mut listed: Vec<String> = links(&summary)
        .iter()
        .map(|(_, link)| normalized(&Path::new(SUMMARY).with_file_name(link)))
        .collect();
    listed.sort();
    let mut pages = pages();
    pages.retain(|page| page != SUMMARY);
    pages.sort();
    assert_eq!(listed, pages, "docs/src/SUMMARY.md lists other pages than there are");
}

#[test]
fn every_page_begins_with_its_title() {
    let untitled = |page: &String| !read(page).starts_with("# ");
    let problems: Vec<String> = pages().into_iter().filter(untitled).collect();
    none(&problems, "Begin the page with `# ` and its title");
}

/// mdBook reads these keys; one that is misspelled would build another book, or none.
#[test]
fn the_book_is_where_its_configuration_says() {
    let book: toml::Table = read("docs/book.toml").parse().unwrap();
    let text = |table: &str, key: &str| Some(book.get(table)?.get(key)?.as_str()?.to_owned());
    assert_eq!(text("book", "title").as_deref(), Some("kache"));
    assert_eq!(text("book", "src").map(|src| format!("docs/{src}")).as_deref(), Some(BOOK));
    assert_eq!(text("build", "build-dir").as_deref(), Some("../target/book"));
}

/// The book names files of the repository in backticks. So do the other documents; the changelog tells of files that
/// are gone.
#[test]
fn every_file_that_a_document_names_is_there() {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "examples/", "installers/", "packaging/", "docs/", "man/"];
    let mut problems = Vec::new();
    let mut n_named = 0;
    for document in documents().iter().filter(|document| *document != "CHANGELOG.md") {
        for span in code_spans(&read(document)) {
            let is_document = DOCUMENTS.contains(&span.as_str());
            if span.contains(' ') || !is_document && !FOLDERS.iter().any(|folder| span.starts_with(folder)) {
                continue;
            }
            n_named += 1;
            let path = span.split("::").next().unwrap_or_default();
            if !root().join(path).exists() {
                problems.push(format!("{document}: `{path}`"));
            }
        }
    }
    assert!(n_named > 20, "names of files are not recognized");
    none(&problems, "Name the file as it is called now");
}

#[test]
fn broken_links_are_found() {
    let text = "# A title\n\n[a](introduction.md) [`b`](limits.md#disk-use \"title\") [c](#a-title) `[d](no.md)`\n\
                ```\n[e](no.md)\n```\n## Again: `x`\n## Again: x\n[f](#again-x-1) [g](https://example.org/no.md)\n";
    assert_eq!(broken_links("docs/src/page.md", text), Vec::<String>::new());
    let text = "[a](no.md)\n\n[`b`](limits.md#no)\n[c](#no) [d](../../README.md)\n[e]()\n\n[f]: no.md\n";
    assert_eq!(
        broken_links("docs/src/page.md", text),
        [
            "docs/src/page.md:1: no.md: there is no such file",
            "docs/src/page.md:3: limits.md#no: there is no such heading",
            "docs/src/page.md:4: #no: there is no such heading",
            "docs/src/page.md:4: ../../README.md: mdBook publishes docs/src alone; name the file in backticks",
            "docs/src/page.md:5: : the link is empty",
            "docs/src/page.md:7: no.md: there is no such file",
        ]
    );
}
