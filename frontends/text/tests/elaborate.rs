//! Tests of elaboration as data: each `.graph` file below `tests/elaborate` has its expected text
//! beside it: the variables and the graph with `training` true (`modules`), the names and types of
//! the variables (`names`), the values of outputs and variables (`values`), or the errors.
//! `BLESS=1 cargo test` rewrites the expected texts.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::{Graph, GraphText, Literal, Scalar};
use brolga_compiler::ops::{EvalContext, Leaf, Leaves, Reference, evaluate};
use brolga_text::{LoadOptions, Loaded, load};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/elaborate").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder of cases is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut cases: Vec<_> =
        paths.filter(|path| path.extension() == Some("graph".as_ref())).collect();
    cases.sort();
    cases
}

/// Compares with the file beside the case, or writes it.
fn check(case: &Path, actual: &str) {
    let expected_path = case.with_extension("expected");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected_path, actual).expect("the expected text can be written");
        return;
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    assert!(
        actual == expected,
        "{}\n--- expected\n{expected}\n--- actual\n{actual}",
        case.display()
    );
}

fn name_of(case: &Path) -> String {
    case.file_name().expect("a case is a file").to_string_lossy().into_owned()
}

fn loaded(case: &Path) -> Loaded {
    let bytes = std::fs::read(case).expect("the case can be read");
    match load(&name_of(case), &bytes, &LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}\n{error}", case.display()),
    }
}

#[test]
fn modules_are_made() {
    for case in cases("modules") {
        let module = loaded(&case).module;
        let variables = module.variables.iter().collect();
        let name = module.name.as_deref();
        check(&case, &GraphText { name, variables, graph: &module.train }.to_string());
    }
}

#[test]
fn variables_are_named() {
    for case in cases("names") {
        let module = loaded(&case).module;
        let line = |(name, v): (&_, &brolga_compiler::ir::Variable)| {
            format!("{:?} {name}: {}\n", v.kind, v.tensor_type)
        };
        check(&case, &module.variables.iter().map(line).collect::<String>());
    }
}

/// A seed of 7, at step 0.
struct Clocks;

impl Leaves for Clocks {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Seed => Some(Scalar::I64(7).into()),
            Leaf::Step | Leaf::Epoch | Leaf::Batch => Some(Scalar::I64(0).into()),
            _ => None,
        }
    }
}

fn outputs(graph: &Graph) -> Vec<(String, Literal)> {
    let wanted: Vec<_> = graph.outputs.iter().map(|(_, node)| *node).collect();
    let cx = EvalContext::new(&Clocks, &Reference);
    let values = evaluate(graph, &cx, &wanted).expect("the case is closed");
    graph.outputs.iter().map(|(name, _)| name.to_string()).zip(values).collect()
}

#[test]
fn values_are_computed() {
    for case in cases("values") {
        let module = loaded(&case).module;
        let mut text = String::new();
        for (name, value) in outputs(&module.infer) {
            text.push_str(&format!("{name}: {} = {value}\n", value.tensor_type()));
        }
        for (name, variable) in &module.variables {
            let (_, value) = &outputs(&variable.initial)[0];
            text.push_str(&format!("{name}: {} = {value}\n", value.tensor_type()));
        }
        check(&case, &text);
    }
}

#[test]
fn errors_are_rendered() {
    for case in cases("errors") {
        let bytes = std::fs::read(&case).expect("the case can be read");
        match load(&name_of(&case), &bytes, &LoadOptions::default()) {
            Ok(_) => panic!("{} has no error", case.display()),
            Err(error) => check(&case, &error.to_string()),
        }
    }
}

/// What is printed parses to the same graph, at both modes.
#[test]
fn printed_modules_read_back() {
    for case in cases("modules").into_iter().chain(cases("values")).chain(cases("names")) {
        let module = loaded(&case).module;
        let variables: Vec<_> = module.variables.iter().collect();
        let name = module.name.as_deref();
        let text = GraphText { name, variables, graph: &module.train }.to_string();
        let again = match load("dump.graph", text.as_bytes(), &LoadOptions::default()) {
            Ok(again) => again.module,
            Err(error) => panic!("{}\n{text}\n{error}", case.display()),
        };
        let variables: Vec<_> = again.variables.iter().collect();
        let second = GraphText { name, variables, graph: &again.train }.to_string();
        // Names inside initial values are not kept.
        let body = |line: &&str| !line.starts_with("    ");
        let differs = text.lines().zip(second.lines()).filter(|(a, _)| body(a));
        let differs = differs.into_iter().find(|(a, b)| a != b);
        assert_eq!(differs, None, "{}", case.display());
        assert_eq!(text.lines().count(), second.lines().count(), "{}", case.display());
        assert!(again.train == module.train, "{} is the same graph", case.display());
    }
}

/// Files with lines and signs exchanged are refused or loaded, but never crash anything.
#[test]
fn broken_files_do_not_crash() {
    let folders = ["modules", "names", "values", "errors"];
    let all = folders.iter().flat_map(|folder| cases(folder));
    let texts: Vec<String> =
        all.map(|case| std::fs::read_to_string(case).expect("the case can be read")).collect();
    let mut state = 1u64;
    let mut random = |n: usize| {
        // Knuth's linear congruential generator (MMIX).
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n.max(1)
    };
    let words: Vec<String> = texts
        .iter()
        .flat_map(|t| t.split_inclusive([' ', '(', ',', '\n']).map(str::to_owned))
        .collect();
    for text in &texts {
        for _ in 0..30 {
            let mut parts: Vec<&str> = text.split_inclusive([' ', '(', ',', '\n']).collect();
            for _ in 0..1 + random(3) {
                if parts.is_empty() {
                    break;
                }
                let (at, from) = (random(parts.len()), random(words.len()));
                match random(3) {
                    0 => drop(parts.remove(at)),
                    1 => parts[at] = &words[from],
                    _ => parts.insert(at, &words[from]),
                }
            }
            let _ = load("broken.graph", parts.concat().as_bytes(), &LoadOptions::default());
        }
    }
}

/// What nests or repeats without end is an error with a code, found in a moment.
#[test]
fn limits_hold() {
    let chain = |n: usize, body: &str| {
        let mut text = "fn call0(x) = x\n".to_owned();
        for k in 1..n {
            let line = format!("fn call{k}(x) = {body}\n").replace('@', &format!("call{}", k - 1));
            text.push_str(&line);
        }
        text + &format!("output y = call{}(1)\n", n - 1)
    };
    let files = [
        (chain(2000, "@(x)"), "E0509"),
        (chain(390, "@(x)"), "E0509"),
        (chain(60, "@(x) + @(x)"), "E0511"),
        (chain(100, "-(-(-(-(-(-(-(-(@(x)))))))))"), "E0509"),
        ("x = 1\nfor i in 0..100000 { x = x + 0.5 }\noutput x".to_owned(), ""),
        ("x = [0]\nfor i in 0..100000 { x = append(x, i) }\noutput x".to_owned(), "E0510"),
        ("x = [0]\nfor i in 0..100 { x = [x] }\noutput x".to_owned(), "E0510"),
        ("input x: f32[n]\ny = n\nfor i in 0..100 { y = y * y + n }\noutput y".to_owned(), "E0210"),
        ("input x: f32[n]\ny = 1 / n\nfor i in 0..100 { y = y + y }\noutput y".to_owned(), "E0210"),
        ("x: f32[3] = [1, 2, 3]\nfor i in 0..100000 { x = x + i }\noutput x".to_owned(), ""),
        ("const n = 9223372036854775807\noutput x = n + 1".to_owned(), "E0210"),
        ("output x = 1 // 0".to_owned(), "E0210"),
        ("input x: i32[n]\noutput y = x // 0".to_owned(), ""),
        (
            "for i in 0..300 { for j in 0..300 { for k in 0..300 { x = 1 } } }\noutput x"
                .to_owned(),
            "E0504",
        ),
    ];
    for (text, code) in files {
        let start = std::time::Instant::now();
        let found = load("limits.graph", text.as_bytes(), &LoadOptions::default());
        let shown: String = text.chars().take(80).collect();
        match found {
            Ok(_) => assert_eq!(code, "", "{shown}"),
            Err(error) => {
                assert!(!code.is_empty() && error.to_string().contains(code), "{shown}\n{error}");
            }
        }
        println!("{:?} {shown:?}", start.elapsed());
    }
}

#[test]
fn consts_are_set_and_files_imported() {
    let import = |path: &str| match path {
        "dir/lib/a.graph" => Ok(b"import \"b.graph\"\nconst k = 3\nfn f(x) = g(x) * k".to_vec()),
        "dir/lib/b.graph" => Ok(b"fn g(x) = x + 1".to_vec()),
        "dir/one.graph" => Ok(b"import \"two.graph\"".to_vec()),
        "dir/two.graph" => Ok(b"import \"one.graph\"".to_vec()),
        other => Err(format!("no file {other}")),
    };
    let consts = [("n".to_owned(), "7".to_owned()), ("act".to_owned(), "tanh".to_owned())];
    let options = LoadOptions { consts: &consts, import: &import, ..LoadOptions::default() };
    let text = "import \"lib/../lib/a.graph\"\nconst n = 2\nconst act = relu\n\
                input x: f32[n]\noutput y = act(f(x)) * k";
    let loaded = load("dir/main.graph", text.as_bytes(), &options).expect("it is well formed");
    let graph = &loaded.module.infer;
    assert_eq!(graph.tensor_type(graph.outputs[0].1).to_string(), "f32[7]");
    for (text, code) in [
        ("import \"one.graph\"", "E0307"),
        ("import \"nowhere.graph\"", "E0307"),
        ("const n = 2\noutput y = n", "E0308"),
    ] {
        let error = load("dir/main.graph", text.as_bytes(), &options).expect_err(text);
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[test]
fn initial_values_are_read_from_files() {
    let mut bytes = Vec::new();
    let array = ndarray::arr2(&[[1.0f32, 2.0], [3.0, 4.0]]);
    ndarray_npy::WriteNpyExt::write_npy(&array, &mut bytes).expect("memory takes it");
    let import = |path: &str| match path {
        "dir/w.npy" => Ok(bytes.clone()),
        other => Err(format!("no file {other}")),
    };
    let options = LoadOptions { import: &import, ..LoadOptions::default() };
    let text = "param w: f32[2, 2] = load(\"w.npy\")\noutput w";
    let loaded = load("dir/main.graph", text.as_bytes(), &options).expect("it is well formed");
    let (_, value) = &outputs(&loaded.module.variables["w"].initial)[0];
    assert_eq!(value.to_string(), "[[1.0, 2.0], [3.0, 4.0]]");
    let text = "param w: f32[3, 2] = load(\"w.npy\")\noutput w";
    let error = load("dir/main.graph", text.as_bytes(), &options).expect_err(text);
    assert!(error.to_string().contains("E0217"), "{error}");
}

#[test]
fn loading_takes_little_time() {
    let case = cases("modules").into_iter().find(|c| c.ends_with("mnist_mlp.graph"));
    let case = case.expect("the page's example is there");
    loaded(&case);
    let start = std::time::Instant::now();
    (0..20).for_each(|_| drop(loaded(&case)));
    println!("{:?} a file", start.elapsed() / 20);
}
