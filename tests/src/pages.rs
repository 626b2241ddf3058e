//! The pages of the project: whatever they show of the language is tried as it stands, the names
//! that they list are all there are, and the files that they name exist. The command's own page is
//! tried beside the command, and the guide's Rust by its crate.

mod blocks;
mod tried;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use brolga_compiler::optimizer;
use brolga_text::{LoadOptions, load, operations, std_functions};

use blocks::spans;
pub(crate) use blocks::{Block, blocks};
use tried::Tried;

const LANGUAGE: &str = "frontends/text/LANGUAGE.md";

/// The pages whose blocks of the language are tried here, from the root of the project.
const OF_LANGUAGE: &[&str] = &[LANGUAGE, "frontends/text/FROM_KERAS.md", "README.md"];

/// The pages that name files.
const PAGES: &[&str] = &[
    "README.md",
    "compiler/ARCHITECTURE.md",
    "frontends/brolga/GUIDE.md",
    "frontends/capi/README.md",
    "frontends/cli/COMMANDS.md",
    "frontends/text/FROM_KERAS.md",
    LANGUAGE,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The errors of a text, rendered; empty where it has none.
pub(crate) fn refusal(text: &str) -> String {
    let loaded = load("page.graph", text.as_bytes(), &LoadOptions::default());
    loaded.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn what_pages_show_of_the_language_holds() {
    let mut wrong = vec![];
    for path in OF_LANGUAGE {
        let text = page(path);
        let mut tried = Tried::new();
        let mut blocks = blocks(&text).into_iter().peekable();
        while let Some(block) = blocks.next() {
            if let Err(why) = tried.block(&block, blocks.peek()) {
                wrong.push(format!("{path}:{}: {why}\n{}\n", block.line, block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_words_that_the_grammar_quotes_are_reserved() {
    let text = page(LANGUAGE);
    let grammar = blocks(&text).into_iter().find(|block| block.info == "ebnf");
    let grammar = grammar.expect("the page has a grammar").text;
    let quoted = grammar.split('"').skip(1).step_by(2);
    let words: Vec<&str> = quoted.filter(|q| q.chars().all(char::is_alphabetic)).collect();
    assert!(words.len() > 30, "{words:?}");
    for word in words {
        let error = refusal(&format!("{word} = 1.0\noutput y = {word}"));
        assert!(error.contains("error[E01"), "`{word}` is bound: {error}");
    }
}

/// Functions of the library and operations that a reader has no use for: parts of others, and what
/// only dumps are written in.
const INNER: &[&str] = &[
    "batch_number",
    "beside",
    "central_erfinv",
    "constant",
    "contract",
    "direction",
    "fans",
    "first_state",
    "gru_step",
    "hits",
    "input",
    "labelled",
    "largest_size",
    "lstm_bias",
    "lstm_step",
    "paired",
    "parameter",
    "pending",
    "positives",
    "prod_others",
    "put_along_axis",
    "random_bits",
    "recurrence",
    "reduce_loss",
    "result",
    "root_of_squares",
    "same",
    "scale_of_squares",
    "scaled_normal",
    "smoothed",
    "split_heads",
    "strides_of",
    "sum_pool1d",
    "sum_pool2d",
    "take_pool1d",
    "take_pool2d",
    "target_of",
    "times_seen",
    "transposed_size",
    "variable",
    "weighted",
    "where_seen",
    "window_of",
];

#[test]
fn the_reference_names_every_function() {
    let text = page(LANGUAGE);
    let named: HashSet<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    let of_library = std_functions().into_iter().map(|(name, _)| name);
    let of_compiler = operations().into_iter().map(|operation| operation.name.to_string());
    let optimisers = optimizer::signatures();
    let optimisers = optimisers.iter().flat_map(|s| {
        let arguments = s.all_arguments().map(|argument| argument.name.to_string());
        arguments.chain([s.name.to_string()])
    });
    let is_inner = |name: &String| {
        let of_gradient = ["_gradient", "_argmax"].iter().any(|end| name.ends_with(end));
        of_gradient || INNER.contains(&name.as_str())
    };
    let all = of_library.chain(of_compiler).chain(optimisers);
    let missing: Vec<String> =
        all.filter(|name| !is_inner(name) && !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{LANGUAGE} does not name {missing:?}: add them, or to INNER here");
}

/// Each function with its arguments and their defaults, as they are written.
fn heads() -> HashMap<String, Vec<(String, String)>> {
    let of_library = std_functions().into_iter().map(|(name, text)| {
        let head = text.split_once(&format!("fn {name}(")).map_or("", |(_, rest)| rest);
        (name, defaults(head))
    });
    let of_compiler = operations().into_iter().map(|operation| {
        let arguments = operation.arguments.iter();
        let written = arguments.map(|(name, text)| (*name, text.unwrap_or_default()));
        let written = written.map(|(name, text)| (name.to_string(), text.to_string())).collect();
        (operation.name.to_string(), written)
    });
    of_library.chain(of_compiler).collect()
}

/// The arguments `NAME=TEXT` of a text that begins after an opening parenthesis, up to its partner.
fn defaults(text: &str) -> Vec<(String, String)> {
    let (mut depth, mut arguments) = (0, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => break,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => arguments.push(String::new()),
            _ => {}
        }
        if c != ',' || depth > 0 {
            arguments.last_mut().expect("there is one").push(c);
        }
    }
    let parts = arguments.iter().filter_map(|argument| argument.split_once('='));
    parts.map(|(name, text)| (name.trim().to_string(), text.trim().to_string())).collect()
}

/// Whether two texts are of one value: `1e-3` and `0.001`.
fn alike(a: &str, b: &str) -> bool {
    let numbers = (a.parse::<f64>(), b.parse::<f64>());
    a == b || matches!(numbers, (Ok(a), Ok(b)) if a == b)
}

#[test]
fn the_defaults_that_the_reference_says_are_so() {
    let text = page(LANGUAGE);
    let section = text.split("\n## ").find(|section| section.starts_with("What can be called"));
    let prose: String =
        section.expect("the page has the section").split("```").step_by(2).collect();
    let heads = heads();
    let mut n_said = 0;
    for span in spans(&prose) {
        for (at, _) in span.match_indices('(') {
            let name = span[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
            let Some(known) = name.and_then(|name| heads.get(name)) else { continue };
            for (argument, said) in defaults(&span[at + 1..]) {
                let found = known.iter().find(|(known, _)| *known == argument);
                let is_so = found.is_some_and(|(_, text)| alike(text, &said));
                assert!(is_so, "`{span}`: `{argument}` is {found:?}");
                n_said += 1;
            }
        }
    }
    for optimizer in optimizer::signatures() {
        let rows = prose.lines().filter(|line| line.starts_with('|'));
        let name = format!("`{}`", optimizer.name);
        let mut rows = rows.filter(|row| row.split('|').nth(1).is_some_and(|c| c.contains(&name)));
        let row = rows.next().unwrap_or_else(|| panic!("no row on {name}"));
        let words = row.split(['`', ' ']).filter_map(|word| word.split_once('='));
        for (argument, said) in words {
            let mut known = optimizer.all_arguments();
            let known = known.find(|known| known.name == argument).expect("it has the argument");
            let default = match known.default {
                optimizer::Default::Number(x) | optimizer::Default::Fixed(x) => x.to_string(),
                optimizer::Default::Bool(b) => b.to_string(),
                optimizer::Default::Off => String::new(),
            };
            assert!(alike(&default, said), "{name}: `{argument}` is {default}");
            n_said += 1;
        }
    }
    assert!(n_said > 70, "{n_said} defaults are said");
}

/// The words of code spans that are paths of the project: they have a `/` and name a file or a
/// folder by what it is called from the root.
fn paths(text: &str) -> Vec<&str> {
    let spans = spans(text).flat_map(str::split_whitespace);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_path = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        word.contains('/') && root().join(first).is_dir() && !first.is_empty() && first != ".."
    };
    spans.filter(is_path).chain(links.filter(|link| !link.contains(':'))).collect()
}

#[test]
fn the_files_that_pages_name_exist() {
    for path in PAGES {
        let text = page(path);
        let prose: String = text.split("```").step_by(2).collect();
        for named in paths(&prose) {
            let folder = root().join(path).parent().map(Path::to_path_buf).unwrap_or_default();
            let plain = named.split('#').next().unwrap_or(named).trim_end_matches(['*', '/']);
            let there = [root().join(plain), folder.join(plain)].iter().any(|p| p.exists());
            assert!(there || plain.is_empty(), "{path} names `{named}`, which is not there");
        }
    }
}
