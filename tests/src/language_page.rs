//! The page of the language: its blocks, its examples within sentences, the names of its tables.
//! The page is read when the tests run, so what it shows is what is tried.

use std::path::Path;

use brolga_compiler::ir::{Module, Provenance};
use brolga_text::{LoadOptions, Loaded, load};

use crate::pages;

/// The text of the page, if it lies beside the project.
fn page() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/design/graph-language.md");
    let page = std::fs::read_to_string(&path).ok();
    if page.is_none() {
        eprintln!("skipped: {} is not there", path.display());
    }
    page
}

fn read(text: &str) -> Result<Module, String> {
    match load("page.graph", text.as_bytes(), &LoadOptions::default()) {
        Ok(Loaded { module, .. }) => Ok(module),
        Err(error) => Err(error.to_string()),
    }
}

fn accepted(text: &str) -> Module {
    read(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The texts between lines of three backquotes.
fn blocks(page: &str) -> Vec<String> {
    pages::blocks(page).into_iter().map(|block| block.text.trim_matches('\n').to_string()).collect()
}

/// The block that begins so.
fn block(page: &str, start: &str) -> String {
    let mut found = blocks(page).into_iter().filter(|block| block.starts_with(start));
    let block = found.next().unwrap_or_else(|| panic!("no block begins with `{start}`"));
    assert!(found.next().is_none(), "two blocks begin with `{start}`");
    block
}

#[test]
fn every_block_of_the_page_is_tried_here() {
    let Some(page) = page() else { return };
    let starts = ["# MNIST digits", "file ", "fn elman", "hidden.dense.1:", "error[E0203]"];
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), starts.len(), "{blocks:#?}");
    starts.iter().for_each(|start| {
        block(&page, start);
    });
}

#[test]
fn the_first_block_is_a_whole_program() {
    let Some(page) = page() else { return };
    let module = accepted(&block(&page, "# MNIST digits"));
    let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    assert_eq!(names, ["hidden.dense.w", "hidden.dense.b", "logits.w", "logits.b"]);
    assert_eq!(module.name.as_deref(), Some("mnist_mlp"));
}

#[test]
fn the_words_that_the_grammar_quotes_are_reserved() {
    let Some(page) = page() else { return };
    let grammar = block(&page, "file ");
    let quoted = grammar.split('"').skip(1).step_by(2);
    let words: Vec<&str> = quoted.filter(|q| q.chars().all(char::is_alphabetic)).collect();
    assert!(words.len() > 30, "{words:?}");
    for word in words {
        let refused = read(&format!("{word} = 1.0\noutput y = {word}"));
        let error = refused.err().unwrap_or_else(|| panic!("`{word}` is bound"));
        assert!(error.contains("error[E01"), "{word}: {error}");
    }
}

#[test]
fn the_recurrent_layer_is_a_function_of_a_file() {
    let Some(page) = page() else { return };
    let layer = block(&page, "fn elman");
    let module = accepted(&format!("input x: f32[batch, 5, 3]\n{layer}\noutput y = elman(x, 8)\n"));
    let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    assert_eq!(names, ["elman.wx", "elman.wh", "elman.b"]);
}

#[test]
fn printed_lines_are_read_with_their_places() {
    let Some(page) = page() else { return };
    let lines = block(&page, "hidden.dense.1:");
    let before = "input x: f32[batch, 784]\n\
        param hidden.dense.w: f32[784, 128] = zeros\n\
        d.hidden = x @ hidden.dense.w\n\
        mask = d.hidden > 0.0\n";
    let module = accepted(&format!(
        "{before}{lines}\noutput a = hidden.dense.1\noutput b = d.hidden.dense.1\n"
    ));
    for (name, line) in ["hidden.dense.1", "d.hidden.dense.1"].into_iter().zip(lines.lines()) {
        let node = module.infer.find(name).unwrap_or_else(|| panic!("`{name}` keeps its name"));
        let provenance: &Provenance = &module.infer.node(node).provenance;
        let written = line.split("#@ ").nth(1).expect("the page says where it came from");
        assert_eq!(provenance.to_string(), written);
    }
}

#[test]
fn the_error_of_the_page_is_the_error_of_its_lines() {
    let Some(page) = page() else { return };
    let shown = block(&page, "error[E0203]");
    // The lines that it shows, in a file in which they have their numbers.
    let numbered = shown.lines().filter_map(|line| {
        let (number, text) = line.split_once(" | ")?;
        Some((number.trim().parse::<usize>().ok()?, text))
    });
    let lines: Vec<(usize, &str)> = numbered.collect();
    let mut file = ["#"; 10];
    file[1] = "input image: f32[batch, 28, 28]";
    file[5] = "param w1: f32[785, 128] = zeros";
    file[6] = "param b1: f32[128] = zeros";
    lines.iter().for_each(|(number, text)| file[number - 1] = text);
    let error = read(&file.join("\n")).expect_err("the shapes do not fit");
    let first = shown.lines().next().expect("the block has lines");
    let marked = shown.lines().find(|line| line.contains("^^^")).expect("a place is marked");
    let help = shown.lines().find(|line| line.contains("= help")).expect("there is help");
    let help = help.trim_start_matches([' ', '=']).trim_start_matches("help: ");
    for part in [first, marked.trim_end(), help] {
        assert!(error.contains(part), "`{part}` is not in\n{error}");
    }
}

/// Examples within sentences: what the page says, and a file in which `$` stands for it.
const EXAMPLES: &[(&str, &str)] = &[
    ("(x - [0.5, 0.4, 0.4])", "input x: f32[n, 3]\noutput y = $"),
    ("k: f32[3] = [1, 2, 3]", "$\noutput y = k"),
    ("batch * 4", "input x: f32[batch]\noutput y = zeros([$])"),
    ("sum(x) / batch", "input x: f32[batch]\noutput y = $"),
    ("f32[shape(w)]", "param w: f32[3, 4] = zeros\nparam v: $ = ones\noutput y = v"),
    ("-x ** 2", "input x: f32[3]\noutput y = $"),
    ("not a == b", "input a: i32[3]\ninput b: i32[3]\noutput y = $"),
    ("x = relu(x)", "input x: f32[3]\n$\noutput y = x"),
    ("max = max(x)", "input x: f32[3]\n$\noutput y = max"),
    ("q, k = split(x, 2, axis=1)", "input x: f32[n, 6]\n$\noutput q\noutput k"),
    ("parts = split(x, 2, axis=1)", "input x: f32[n, 6]\n$\noutput y = parts[0]"),
    ("grad(y, [a, b])", "input a: f32\ninput b: f32\ny = a * b\nc, d = $\noutput c\noutput d"),
    (
        "minimize loss over *.b, *.gamma with adam(..) over * with adamw(..)",
        "input x: f32[n, 4]\nloss = mean(layer_norm(dense(x, 3)))\n$",
    ),
    (
        "minimize loss + 1e-4 * l2(params(\"*.w\")) with ...",
        "input x: f32[n, 4]\nloss = mean(dense(x, 3))\n$",
    ),
    (
        "h @ transpose(token.table)",
        "input ids: i32[n]\ntoken = embedding(ids, 10, 4)\nh = tanh(token)\noutput y = $",
    ),
    ("update v <- 0.9 * v + g", "input g: f32[3]\nstate v: f32[3] = zeros\n$\noutput y = g"),
    (
        "new = 0.9 * v + g",
        "input g: f32[3]\nstate v: f32[3] = zeros\nparam w: f32[3] = ones\n$\n\
         update v <- new\nupdate w <- w - new",
    ),
    (
        "update critic.w <- clip(critic.w, -0.01, 0.01)",
        "input x: f32[n, 4]\ncritic = dense(x, 1)\n$",
    ),
    (
        "metric rmse = sqrt(total(sum(square(d))) / total(batch))",
        "input x: f32[batch]\nd = x - 1.0\n$",
    ),
    ("cast(step, f32)", "output y = $"),
    (
        "teacher(x, training=false)",
        "input x: f32[n, 4]\nfn teacher(x) = dropout(x, rate=0.5)\noutput y = $",
    ),
    ("x[1:3, :, -1, 0:8:2]", "input x: f32[4, 5, 6, 8]\noutput y = $"),
    ("x[..., 0]", "input x: f32[4, 5, 6]\noutput y = $"),
    ("t in iota(100)", "s = scan($, n = 0) {\n    n = n + t\n}\noutput s"),
    ("concat([zeros([4]), ones([4])], axis=0)", "param b: f32[8] = $\noutput y = b"),
];

#[test]
fn examples_within_sentences_are_accepted() {
    let Some(page) = page() else { return };
    for (example, file) in EXAMPLES {
        assert!(page.contains(example), "the page does not say `{example}`");
        let example = example.replace("(..)", "()").replace("with ...", "with sgd()");
        accepted(&file.replace('$', &example));
    }
}

/// Rows of the table of names: how the row begins, a file, and the variables of the second column
/// as they are in it.
const NAMES: &[(&str, &str, &[&str])] = &[
    ("`h = dense(x, 128)`: the call", "h = dense(x, 128)", &["h.w", "h.b"]),
    ("`h = relu(dense(x, 128))`", "h = relu(dense(x, 128))", &["h.dense.w"]),
    (
        "`h = dense(x, 8) + dense(z, 8)`",
        "z = 2.0 * x\nh = dense(x, 8) + dense(z, 8)",
        &["h.dense.w", "h.dense.1.w"],
    ),
    ("`h = dense(x, 128)` and later", "h = dense(x, 128)\nh = dense(h, 64)", &["h.w", "h.1.w"]),
    (
        "`q, k = split(dense(x, 64), 2, axis=1)`",
        "q, k = split(dense(x, 64), 2, axis=1)\nh = q + k",
        &["q.dense.w"],
    ),
    (
        "`x = x + block(x)`",
        "fn block(x) = dense(x, 4)\nfor i in 0..2 {\n    x = x + block(x)\n}\nh = x",
        &["x.0.block", "x.1.block"],
    ),
    (
        "`y = dense(x, 8)` inside",
        "fn block(x) {\n    y = dense(x, 8)\n    return y\n}\nh = block(x)",
        &["h.y.w"],
    ),
    (
        "`return dense(x, 8)`",
        "fn block(x) {\n    return dense(x, 8)\n}\nh = block(x)",
        &["dense.w"],
    ),
    ("`h = relu(dense(x, 8, name=\"fc1\"))`", "h = relu(dense(x, 8, name=\"fc1\"))", &["fc1.w"]),
    (
        "`shared critic: judge`",
        "fn judge(x) = dense(x, 1)\nshared critic: judge\nfor i in 0..2 {\n    \
         param w: f32[4] = ones\n    x = x * w\n}\nh = critic(x)",
        &["critic.", "w.0", "w.1"],
    ),
];

#[test]
fn variables_have_the_names_of_the_table() {
    let Some(page) = page() else { return };
    for (row, file, wanted) in NAMES {
        let start = format!("| {row}");
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row begins with `{start}`"));
        let column = row.split('|').nth(2).unwrap_or_default();
        let module = accepted(&format!("input x: f32[batch, 4]\n{file}\noutput result = h\n"));
        let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
        for name in *wanted {
            assert!(column.contains(name), "`{name}` is not in the row {row}");
            let has = |found: &&str| found.contains(name);
            assert!(names.iter().any(has), "`{name}` is not among {names:?}");
        }
    }
}

/// Names in the section on operations that are none: variables, arguments and their values, and
/// the command.
const NO_FUNCTIONS: &[&str] = &[
    "w",
    "b",
    "table",
    "gamma",
    "beta",
    "wx",
    "wh",
    "axis",
    "keepdims",
    "perm",
    "strides",
    "padding",
    "dilation",
    "groups",
    "layout",
    "nchw",
    "reduction",
    "none",
    "clip_norm",
    "clip_value",
    "ema",
    "NaN",
    "brolga",
    "ops",
];

/// The names at the heads of the code spans of a text: `sum mean prod`, `clip(x, lo, hi)`.
fn listed(text: &str) -> Vec<String> {
    let mut names = vec![];
    for span in text.split('`').skip(1).step_by(2) {
        let mut depth = 0;
        let mut word = String::new();
        for c in span.chars().chain([' ']) {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 && (c.is_alphanumeric() || c == '_') {
                word.push(c);
            } else if !word.is_empty() && (depth == 0 || c == '(') {
                names.push(std::mem::take(&mut word));
            }
        }
    }
    names.retain(|name| !name.starts_with(|c: char| c.is_ascii_digit()));
    names
}

#[test]
fn every_operation_of_the_page_is_there() {
    let Some(page) = page() else { return };
    let section = page.split("## Operations").nth(1).and_then(|s| s.split("\n## ").next());
    let section = section.expect("the page has a section on operations");
    let lines: Vec<&str> = section.lines().collect();
    let is_list = |line: &&&str| !line.starts_with("| optimisers") && !line.starts_with("| kind");
    let of_lists: String = lines.iter().filter(is_list).map(|line| format!("{line}\n")).collect();
    let names: Vec<String> = listed(&of_lists);
    let is_function = |name: &&String| !NO_FUNCTIONS.contains(&name.as_str());
    let mut wrong = vec![];
    for name in names.iter().filter(is_function) {
        let error = read(&format!("output y = {name}()")).err().unwrap_or_default();
        if error.contains("error[E0303]") || error.contains("error[E0305]") {
            wrong.push(format!("{name}: {}", error.lines().next().unwrap_or("accepted")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let optimizers = lines.iter().find(|line| line.starts_with("| optimisers"));
    let optimizers = listed(optimizers.expect("the page lists optimisers"));
    for name in optimizers.iter().filter(is_function) {
        let file = format!("param w: f32[3] = ones\nminimize sum(square(w)) with {name}()");
        let error = read(&file).err().unwrap_or_default();
        assert!(error.is_empty(), "{name}: {error}");
    }
}
