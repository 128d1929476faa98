//! Guards the house rules that a compiler does not: which module may know which, where drivers and SQL may be named,
//! how long a file may be, what must not be left in it. `ARCHITECTURE.md` says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What each module may name of the crate beside itself. `commands` may name everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("cli", &[]),
    ("ports", &["domain"]),
    ("profile", &["domain"]),
    ("runbook", &["domain", "ports"]),
    ("event", &["domain", "runbook"]),
    ("inspect", &["domain", "event", "ports"]),
    ("journal", &["domain", "event", "runbook"]),
    (
        "engine",
        &["domain", "event", "journal", "ports", "runbook"],
    ),
    (
        "checks",
        &["domain", "inspect", "ports", "profile", "runbook"],
    ),
    (
        "procedures",
        &[
            "checks", "domain", "event", "inspect", "ports", "profile", "runbook",
        ],
    ),
    ("adapters", &["domain", "ports", "profile", "runbook"]),
    ("tui", &["domain", "event", "inspect", "runbook"]),
    (
        "report",
        &["domain", "event", "inspect", "journal", "runbook"],
    ),
    ("rehearsal", &["adapters", "domain", "ports", "profile"]),
];

/// Crates that only some modules may name.
const FENCED_CRATES: &[(&[&str], &[&str])] = &[
    (
        &[
            "tokio_postgres",
            "tokio_postgres_rustls",
            "aws_sdk_rds",
            "aws_sdk_sts",
            "aws_config",
        ],
        &["adapters", "rehearsal"],
    ),
    (&["ratatui", "crossterm"], &["tui"]),
    (&["axum"], &["rehearsal"]),
    (&["clap"], &["cli", "commands"]),
    (&["color_eyre"], &["main"]),
];

/// The longest a file may be.
const LONGEST: usize = 500;

/// The one module that builds SQL from values.
const SQL_MODULE: &str = "src/domain/sql";

/// A statement built by hand begins with one of these.
const SQL_VERBS: &[&str] = &[
    "ALTER",
    "CALL",
    "CHECKPOINT",
    "COMMENT ON",
    "COPY",
    "CREATE",
    "DELETE FROM",
    "DO",
    "DROP",
    "GRANT",
    "INSERT INTO",
    "LOCK TABLE",
    "REFRESH",
    "REINDEX",
    "RESET",
    "REVOKE",
    "SELECT",
    "SET",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "WITH",
];

#[test]
fn the_house_rules_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 30, "the sources were not found");
    let sources: Vec<(String, String)> = files
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let test_only = test_only_files(&sources);
    for (name, text) in &sources {
        found.extend(length(name, text));
        found.extend(leftovers(name, text));
        let in_tests = test_only.iter().any(|prefix| name.starts_with(prefix));
        if name.starts_with("src/") && !in_tests {
            found.extend(violations(name, text));
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Files that a `#[cfg(test)] mod name;` brings in, as path prefixes.
fn test_only_files(sources: &[(String, String)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, text) in sources.iter().filter(|(name, _)| name.starts_with("src/")) {
        let folder = name
            .strip_suffix("/mod.rs")
            .or_else(|| name.strip_suffix("/lib.rs"))
            .unwrap_or_else(|| name.trim_end_matches(".rs"));
        let mut lines = text.lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let module = lines.peek().and_then(|next| next.strip_suffix(';'));
            if let Some((_, module)) = module.and_then(|next| next.split_once("mod ")) {
                found.insert(format!("{folder}/{module}.rs"));
                found.insert(format!("{folder}/{module}/"));
            }
        }
    }
    found
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn length(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LONGEST)
        .then(|| format!("{name}: {lines} lines, {LONGEST} are allowed: give it a second file"))
}

fn leftovers(name: &str, text: &str) -> Vec<String> {
    // Written apart, so that this file does not find itself.
    let markers = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let numbered = text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| {
            let hit = markers.iter().find(|marker| line.contains(**marker));
            hit.map(|marker| format!("{name}:{}: {marker} left", index + 1))
        })
        .collect()
}

/// What one source file does against the rules, its test modules left out.
fn violations(name: &str, text: &str) -> Vec<String> {
    let inside = name.trim_start_matches("src/").trim_end_matches(".rs");
    let module = inside.split('/').next().unwrap();
    let tokens: TokenStream = text
        .parse()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut scan = Scan {
        name,
        module,
        lines: text.lines().collect(),
        found: Vec::new(),
    };
    scan.tokens(tokens);
    scan.found
}

struct Scan<'a> {
    name: &'a str,
    module: &'a str,
    lines: Vec<&'a str>,
    found: Vec<String>,
}

impl Scan<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let Some(skip) = test_module(&tokens[at..]) {
                at += skip;
                continue;
            }
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.ident(&ident.to_string(), line, at, &tokens);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn ident(&mut self, ident: &str, line: usize, at: usize, tokens: &[TokenTree]) {
        let after = &tokens[at + 1..];
        let method = at > 0 && is_punct(&tokens[at - 1], '.');
        let called = matches!(after.first(), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
        let macro_call = after.first().is_some_and(|next| is_punct(next, '!'));
        match ident {
            "crate" if is_path(after) => self.arrows(line, &after[2..]),
            "unwrap" | "expect" | "unwrap_err" | "expect_err" if method && called => {
                self.panics(line, ident);
            }
            "panic" | "unreachable" if macro_call => self.panics(line, ident),
            "format" | "write" | "writeln" | "format_args" | "concat" if macro_call => {
                if let Some(TokenTree::Group(arguments)) = after.get(1) {
                    self.sql(line, arguments.stream());
                }
            }
            _ => self.fenced_crate(line, ident, is_path(after)),
        }
    }

    /// `crate::a::…` and `crate::{a::…, b}`.
    fn arrows(&mut self, line: usize, after: &[TokenTree]) {
        let to = match after.first() {
            Some(TokenTree::Ident(ident)) => vec![ident.to_string()],
            Some(TokenTree::Group(group)) => heads(group.stream()),
            _ => Vec::new(),
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == self.module) else {
            if !["commands", "main", "lib"].contains(&self.module) {
                self.say(line, "module without a row in the table of arrows");
            }
            return;
        };
        for to in to {
            if to != self.module && !allowed.contains(&to.as_str()) {
                self.say(line, &format!("{} must not know {to}", self.module));
            }
        }
    }

    fn fenced_crate(&mut self, line: usize, ident: &str, path: bool) {
        let fence = FENCED_CRATES
            .iter()
            .find(|(names, _)| path && names.contains(&ident));
        if let Some((_, allowed)) = fence
            && !allowed.contains(&self.module)
            && self.module != "main"
        {
            self.say(
                line,
                &format!("{ident} is named outside {}", allowed.join(", ")),
            );
        }
    }

    /// A possible panic needs its reason on the line or in the comment above.
    fn panics(&mut self, line: usize, call: &str) {
        if !self.reasoned(line, "// proven:") {
            self.say(line, &format!("{call} without a `// proven:` reason"));
        }
    }

    /// True when the line, or a comment of the statement it belongs to, holds `marker`.
    fn reasoned(&self, line: usize, marker: &str) -> bool {
        let here = self.lines[line - 1];
        let above = self.lines[..line - 1]
            .iter()
            .rev()
            .take_while(|text| !text.trim_end().ends_with([';', '{', '}']) || text.contains("//"))
            .take(6);
        std::iter::once(&here)
            .chain(above)
            .any(|text| text.contains(marker))
    }

    fn sql(&mut self, line: usize, arguments: TokenStream) {
        // The rehearsal's own tables are written with numbers; everything else goes through `domain::Sql`.
        let numbers = self.module == "rehearsal" && self.reasoned(line, "no quoting:");
        if self.name.starts_with(SQL_MODULE) || numbers {
            return;
        }
        for token in arguments {
            let TokenTree::Literal(literal) = token else {
                continue;
            };
            let text = literal.to_string();
            let text = text.trim_start_matches(['r', '#', '"']).trim_start();
            let statement = SQL_VERBS.iter().any(|verb| {
                let rest = text.strip_prefix(verb);
                rest.is_some_and(|rest| rest.starts_with([' ', '\n', '\\']))
            });
            if statement && text.contains('{') {
                self.say(line, "SQL is built from values outside domain::Sql");
            }
        }
    }

    fn say(&mut self, line: usize, what: &str) {
        self.found.push(format!("{}:{line}: {what}", self.name));
    }
}

/// The length of `#[cfg(test)] … mod name { … }` at the head of `tokens`.
fn test_module(tokens: &[TokenTree]) -> Option<usize> {
    let [hash, TokenTree::Group(attribute), ..] = tokens else {
        return None;
    };
    let cfg_test = attribute.stream().to_string().replace(' ', "") == "cfg(test)";
    if !is_punct(hash, '#') || !cfg_test {
        return None;
    }
    let ends = |token: &TokenTree| {
        is_punct(token, ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    tokens.iter().position(ends).map(|end| end + 1)
}

/// The first name of every branch of a `use` group.
fn heads(group: TokenStream) -> Vec<String> {
    let mut heads = Vec::new();
    let mut at_head = true;
    for token in group {
        match token {
            TokenTree::Ident(ident) if at_head => {
                heads.push(ident.to_string());
                at_head = false;
            }
            token => at_head = is_punct(&token, ','),
        }
    }
    heads
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_path(after: &[TokenTree]) -> bool {
    after.len() > 2 && is_punct(&after[0], ':') && is_punct(&after[1], ':')
}

#[test]
fn each_rule_catches_what_it_forbids() {
    let caught = |name: &str, text: &str, what: &str| {
        let found = violations(name, text);
        assert!(
            found.len() == 1 && found[0].contains(what),
            "{text}: {found:?} should say: {what}"
        );
    };
    caught(
        "src/domain/lsn.rs",
        "use crate::ports::Row;",
        "domain must not know ports",
    );
    caught(
        "src/tui/app.rs",
        "use crate::{domain::Lsn, engine::{Engine, Gate}};",
        "tui must not know engine",
    );
    caught(
        "src/engine/run.rs",
        "fn f() { let x = crate::adapters::open(); }",
        "engine must not know adapters",
    );
    caught(
        "src/novel/mod.rs",
        "use crate::domain::Lsn;",
        "without a row",
    );
    caught(
        "src/engine/run.rs",
        "use tokio_postgres::Client;",
        "tokio_postgres is named outside",
    );
    caught(
        "src/checks/run.rs",
        "fn f() { ratatui::init(); }",
        "ratatui is named outside",
    );
    caught(
        "src/ports/mod.rs",
        "fn f() { x.unwrap(); }",
        "unwrap without",
    );
    caught(
        "src/ports/mod.rs",
        "fn f() { assert!(x.expect(\"y\")); }",
        "expect without",
    );
    caught(
        "src/ports/mod.rs",
        "fn f() { unreachable!() }",
        "unreachable without",
    );
    caught(
        "src/checks/run.rs",
        "fn f() { format!(\"SELECT {x}\"); }",
        "SQL is built",
    );
    caught(
        "src/checks/run.rs",
        "fn f() { write!(f, r#\"ALTER ROLE {r}\"#); }",
        "SQL is built",
    );
}

#[test]
fn no_rule_catches_what_is_allowed() {
    let sources = [
        (
            "src/tui/app.rs",
            "use crate::tui::theme::Theme; use crate::event::Event;",
        ),
        ("src/adapters/pg.rs", "use tokio_postgres::Client;"),
        ("src/domain/sql.rs", "fn f() { format!(\"SELECT {x}\"); }"),
        (
            "src/ports/mod.rs",
            "fn f() {\n  // proven: pushed above\n  x.last().unwrap();\n}",
        ),
        (
            "src/ports/mod.rs",
            "// x.unwrap()\nfn f() { \"x.unwrap()\"; x.unwrap_or(1); }",
        ),
        (
            "src/domain/lsn.rs",
            "#[cfg(test)]\nmod tests { use crate::engine::E; fn f() { x.unwrap(); } }",
        ),
    ];
    for (name, text) in &sources {
        assert_eq!(violations(name, text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(length("src/a.rs", &"\n".repeat(LONGEST)), None);
    assert!(length("src/a.rs", &"\n".repeat(LONGEST + 1)).is_some());
    assert_eq!(
        leftovers("src/a.rs", concat!("fn f() { to", "do!() }")).len(),
        1
    );
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    fn reaches(from: &str, to: &str) -> bool {
        let row = ARROWS.iter().find(|(module, _)| *module == from);
        row.is_some_and(|(_, next)| next.iter().any(|next| *next == to || reaches(next, to)))
    }
    for (module, _) in ARROWS {
        assert!(!reaches(module, module), "{module} leads back to itself");
    }
}
