//! Whatever comes in, the parser ends, and what it prints it reads again.

use std::fmt::Write;

use brolga_text::codes::Code;
use brolga_text::diagnostics::{Diagnostic, RenderOptions, record, render};
use brolga_text::parser::{Limits, Parsed, parse};
use brolga_text::source::Sources;
use proptest::prelude::*;

/// Parses and renders with and without colours: neither may panic.
fn read(bytes: &[u8]) -> Parsed {
    let mut sources = Sources::new();
    let id = sources.add("any.graph", bytes);
    let parsed = parse(sources.get(id), &Limits::default());
    for colour in [false, true] {
        let options = RenderOptions { colour, ..RenderOptions::default() };
        let text = render(&parsed.diagnostics, &sources, &options);
        assert_eq!(text.is_empty(), parsed.diagnostics.is_empty());
    }
    parsed.diagnostics.iter().for_each(|diagnostic| drop(record(diagnostic, &sources)));
    parsed
}

/// The tree without its places: `@0:3..7` is how a span prints.
fn shape(parsed: &Parsed) -> String {
    let text = format!("{:?}", parsed.file);
    let mut parts = text.split('@');
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let place = part.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
        shape.push('@');
        shape.push_str(&part[place.unwrap_or(part.len())..]);
    }
    shape
}

/// `text` parses, and what its tree prints parses to the same tree.
fn round_trip(text: &str) {
    let first = read(text.as_bytes());
    assert!(first.diagnostics.is_empty(), "{text}\n{:?}", first.diagnostics);
    let printed = first.file.to_string();
    let second = read(printed.as_bytes());
    assert!(second.diagnostics.is_empty(), "{text}\n{printed}\n{:?}", second.diagnostics);
    assert_eq!(shape(&first), shape(&second), "{text}\n{printed}");
    assert_eq!(second.file.to_string(), printed);
}

fn codes(bytes: &[u8]) -> Vec<Code> {
    read(bytes).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn depth_is_limited() {
    let n = 100_000;
    let deep = [
        format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("x = {}", "(".repeat(n)),
        format!("x = {}", "[".repeat(n)),
        format!("x = {}1", "f(".repeat(n)),
        format!("x = {}1", "-".repeat(n)),
        format!("x = {}1", "not ".repeat(n)),
        format!("x = {}1", "2 ** ".repeat(n)),
        format!("x = {}1", "x[".repeat(n)),
        format!("x: {}1", "f32[dim(".repeat(n)),
        format!("x: {}x", "dtype(".repeat(n)),
        "if a {\n".repeat(n),
        "if a { b = ( }\n".repeat(10) + &"for i in x {\n".repeat(n),
        format!("fn f({}", "x=g(".repeat(n)),
        format!("a = scan(x in {}", "(".repeat(n)),
    ];
    for text in deep {
        assert!(codes(text.as_bytes()).contains(&Code::NestingTooDeep), "{}", &text[..40]);
    }
}

#[test]
fn chains_are_flat() {
    let n = 100_000;
    let chains = [
        format!("x = 1{}\n", " + 1".repeat(n)),
        format!("x = 1{}\n", " / 2 * 3".repeat(n)),
        format!("x = a{}\n", " or a".repeat(n)),
        format!("x = a{}\n", " and not a".repeat(n)),
        format!("x = a{}\n", "[0]".repeat(n)),
        format!("if a {{ }}{}\n", " else if b { }".repeat(n)),
        format!("x = f({})\n", vec!["1"; n].join(", ")),
        "x = 1\n".repeat(n),
    ];
    chains.iter().for_each(|text| round_trip(text));
}

#[test]
fn the_least_integer_is_a_literal() {
    round_trip("x = -9223372036854775808\ny = (-9223372036854775808) ** 2");
    round_trip("x = --9223372036854775808 + 9223372036854775807");
    assert_eq!(codes(b"x = 9223372036854775808"), [Code::NumberOutOfRange]);
    assert_eq!(codes(b"x = -9223372036854775808 ** 2"), [Code::NumberOutOfRange]);
}

#[test]
fn strange_bytes_are_reported() {
    assert_eq!(codes(b"x = 1\xFF\xFE\ny = \xC3\n"), [Code::NotUtf8]);
    assert_eq!(codes(b"x = \0\n"), [Code::UnknownCharacter]);
    assert_eq!(codes(b"x = \"a\0b\"\n"), [Code::UnknownCharacter]);
    assert_eq!(codes(b"x = 1\ry = 2"), [Code::UnknownCharacter]);
    assert_eq!(codes(b"\xEF\xBB\xBFx = 1\r\n\ty = (2 +\r\n\t3)\r\n"), []);
    assert_eq!(codes(b""), []);
}

/// An error with labels in two files, a remark and advice, as the page of the language shows it.
#[test]
fn diagnostics_look_as_documented() {
    let mut sources = Sources::new();
    let text =
        "\n\n\n\n\n\n\n\nx      = reshape(image, [batch, 784])\nhidden = relu(x @ w1 + b1)\n";
    let user = sources.add("mnist.graph", text.as_bytes());
    let library = sources.add("std.graph", b"fn dense(x, units) {\n    y = x @ w\n}\n");
    let span = |id, needle: &str| {
        let at = sources.get(id).text().find(needle).expect("it is in the text") as u32;
        sources.get(id).span(at, at + needle.len() as u32)
    };
    let error =
        Diagnostic::error(Code::ShapesCannotBeMultiplied, "these shapes cannot be multiplied")
            .with(span(user, "x"), "f32[batch, 784]")
            .at(span(user, "x @ w1"), "f32[batch, 784] @ f32[785, 128]: 784 is not 785")
            .help("w1 is declared at line 6; its first dimension must be 784");
    let shown =
        |error: &Diagnostic| render(&error.clone().into(), &sources, &RenderOptions::default());
    assert_eq!(
        shown(&error),
        "\
error[E0203]: these shapes cannot be multiplied
  --> mnist.graph:10:15
   |
 9 | x      = reshape(image, [batch, 784])
   | - f32[batch, 784]
10 | hidden = relu(x @ w1 + b1)
   |               ^^^^^^ f32[batch, 784] @ f32[785, 128]: 784 is not 785
   = help: w1 is declared at line 6; its first dimension must be 784
"
    );
    let in_library =
        error.note("x is f32[batch, 784]").note_at(span(library, "x @ w"), "in `dense`");
    assert_eq!(
        shown(&in_library).split_once("784 is not 785\n   ").expect("the label is shown").1,
        "\
= note: x is f32[batch, 784]
   = help: w1 is declared at line 6; its first dimension must be 784
note: in `dense`
  --> std.graph:2:9
   |
 2 |     y = x @ w
   |         ^^^^^
"
    );
}

#[test]
fn large_files_are_refused() {
    let mut sources = Sources::new();
    let id = sources.add("large.graph", b"x = 1 # 21 bytes long");
    let limits = Limits { bytes: 20, ..Limits::default() };
    let parsed = parse(sources.get(id), &limits);
    assert_eq!(parsed.diagnostics.iter().next().map(|one| one.code), Some(Code::FileTooLarge));
}

#[test]
fn many_errors_are_counted() {
    let mut sources = Sources::new();
    let id = sources.add("many.graph", "x = )\n".repeat(5000).as_bytes());
    let parsed = parse(sources.get(id), &Limits::default());
    assert_eq!(parsed.diagnostics.n_errors(), 5000);
    let text = render(&parsed.diagnostics, &sources, &RenderOptions::default());
    assert!(text.ends_with("\n... and 4980 more diagnostics\n"), "{text}");
}

/// Pieces of text that make the parser take every turn.
const SOUP: &[&str] = &[
    "version",
    "1",
    "graph",
    "import",
    "const",
    "input",
    "fn",
    "output",
    "metric",
    "minimize",
    "every",
    "over",
    "with",
    "param",
    "state",
    "shared",
    "update",
    "for",
    "in",
    "if",
    "else",
    "return",
    "emit",
    "scan",
    "dtype",
    "or",
    "and",
    "not",
    "true",
    "training",
    "step",
    "epoch",
    "inf",
    "f32",
    "bool",
    "x",
    "y.1",
    "f",
    "a.b.c",
    "0.5",
    "1e-3",
    "3",
    "1.",
    ".5",
    "3x",
    "\"s\"",
    "\"open",
    "\"\\q\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "<",
    "<-",
    "-",
    "+",
    "*",
    "**",
    "/",
    "//",
    "%",
    "@",
    "..",
    "...",
    "!",
    "'",
    ";",
    "#",
    "#@ a:1:2",
    "\n",
    "\n",
    "\n",
    "*.w",
    "é",
    "\u{FFFD}",
    "\r\n",
    "\t",
    "x = ",
    "fn f(x) {",
    "}\n",
    "a = scan(t in x) {",
    "if a {",
    "} else {",
    "param w: f32[3] = ",
];

/// A value in every form, with more parentheses than it needs.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z]{1,3}_[0-9](\\.[a-z0-9]?[0-9]){0,2}",
        any::<u32>().prop_map(|number| number.to_string()),
        (0.0..1e9f64).prop_map(|number| format!("{number:?}")),
        proptest::sample::select(vec![
            "inf",
            "nan",
            "true",
            "training",
            "step",
            "epoch",
            "f32",
            "\"a\\\"\\\\ \\n@0:1..2é\"",
            "-9223372036854775808",
            "[]",
            "f()",
            "1e300",
            "1e-7",
        ])
        .prop_map(str::to_owned),
    ];
    let op = proptest::sample::select(vec![
        "or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "@", "**",
    ]);
    leaf.prop_recursive(6, 60, 4, move |inner| {
        let group = inner.clone().prop_map(|value| format!("({value})"));
        let many = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            4 => (group.clone(), op.clone(), group.clone())
                .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            1 => group.clone().prop_map(|value| format!("-{value}")),
            1 => group.clone().prop_map(|value| format!("(not {value})")),
            1 => (group.clone(), group.clone()).prop_map(|(base, at)| format!("{base}[{at}, ..., :]")),
            1 => (group.clone(), group.clone(), group.clone())
                .prop_map(|(base, from, to)| format!("{base}[{from}:{to}, 1][::{to}, {from}:]")),
            1 => many.clone().prop_map(|members| format!("[{}]", members.join(",\n"))),
            1 => (many, inner).prop_map(|(args, last)| {
                format!("f({}, axis={last}, training={last})", args.join(", "))
            }),
        ]
    })
}

/// Every statement, around random values.
fn file() -> impl Strategy<Value = String> {
    (value(), value(), value(), any::<bool>()).prop_map(|(a, b, c, named)| {
        let mut text = String::from("version 1\ngraph g.1\nimport \"a\\\\b.graph\"\n");
        let step = if named { "step s: " } else { "" };
        write!(
            text,
            "const k = {a}\ninput x: f32[{b}, batch]\nfn f(x, y={a}) = {c}\noutput x\n\
             fn g(dtype={c}) {{\n return {a}, {b} }}\noutput y: dtype({a})[{b}] = {c}\n\
             metric m = {a}\n{step}minimize {b} over *.b, g*\n with adam(lr={c}) over *\n\
             with sgd every 5\nparam w.1: bool[] = {a}\nstate s: f64 = {b}\nshared l: f\n\
             shared m: f(x={c})\na, b: i32, _ = {a}  #@ x.graph:1:2 (why)\nupdate a[{b}] <- {c}\n\
             update a.b <- -{a}\nfor i in {a}..{b} {{ c = {c} }}\nfor i in {c} {{\n}}\n\
             if {a} {{ input z: u8 }} else if {b} {{}} else {{ d = {c} }}\n\
             a = scan(t in {a}, u.1 in {b}, h = {c}, axis={a}, reverse={b}) {{ #@ here\n\
             emit {c} #@ there\n}}\n"
        )
        .expect("a string takes any text");
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn any_tokens_are_read(
        pieces in proptest::collection::vec(proptest::sample::select(SOUP), 0..80),
        glued in any::<bool>(),
    ) {
        read(pieces.join(if glued { "" } else { " " }).as_bytes());
    }

    #[test]
    fn broken_files_are_read(text in file(), at in any::<prop::sample::Index>(), piece in proptest::sample::select(SOUP)) {
        let mut cut = at.index(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        read(format!("{}{piece}{}", &text[..cut], &text[cut..]).as_bytes());
        read(&text.as_bytes()[..cut]);
    }

    #[test]
    fn trees_round_trip(text in file()) {
        round_trip(&text);
    }
}
