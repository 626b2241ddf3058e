//! Single calls of a session: they happen as a whole or not at all, and say what was wrong.

use std::error::Error;
use std::path::PathBuf;

use brolga::text::diagnostics::RenderOptions;
use brolga::{
    Backend, Binding, Clock, Graph, Literal, Name, Report, RunError, Session, SessionOptions,
};

/// Classes by a dense layer, and rows of a table by indices that are computed of what is fed.
const TEXT: &str = "\
input x: f32[batch, 2]
input label: i32[batch]
param table: f32[3] = ones
logits = dense(x, 3)
minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=0.1)
";

const COMPUTED: &str = "\
input id: i32[batch]
param table: f32[3] = ones
state sum: f32[3] = zeros
row = gather(table, id * 2)
update sum <- sum + table
minimize mean(square(row)) with sgd(lr=0.5)
";

fn values(session: &Session) -> Vec<(Name, Literal)> {
    session.variables().map(|(name, _, value)| (name.clone(), value)).collect()
}

fn literal<T: brolga::Element>(sizes: &[usize], elements: &[T]) -> Literal {
    Literal::from_vec(sizes, elements.to_vec()).expect("as many elements")
}

#[test]
fn a_step_that_fails_leaves_the_variables_as_they_were() -> Result<(), Box<dyn Error>> {
    for backend in [Backend::Jit, Backend::Interpreter, Backend::Eager] {
        let options = SessionOptions { threads: 2, backend, ..SessionOptions::default() };
        let mut session = Session::new(Graph::from_text("a.graph", TEXT)?, options.clone())?;
        let x = literal(&[2, 2], &[1f32, 2., 3., 4.]);
        let feeds = |labels: &[i32]| [("x", x.clone()), ("label", literal(&[2], labels))];
        session.step(feeds(&[0, 2]))?;
        let before = values(&session);
        assert_eq!(before.len(), 9, "three params, two moments of two, two powers: {before:?}");
        let error = session.step(feeds(&[0, 3])).expect_err("there are three classes");
        assert_eq!(error.code(), "E0655");
        assert_eq!(values(&session), before, "{backend:?}");
        assert_eq!(session.clock(), Clock { step: 1, epoch: 0 });
        session.step(feeds(&[1, 1]))?;
        assert_ne!(values(&session), before);

        let mut session = Session::new(Graph::from_text("b.graph", COMPUTED)?, options)?;
        session.step([("id", literal(&[2], &[0, 1]))])?;
        let before = values(&session);
        let error = session.step([("id", literal(&[2], &[1, 2]))]).expect_err("4 is no row");
        assert_eq!(error.code(), "E0655");
        assert_eq!(values(&session), before, "{backend:?}");
    }
    Ok(())
}

#[test]
fn dimensions_that_arrays_do_not_say_are_given() -> Result<(), Box<dyn Error>> {
    let text = "input x: f32[n]\ninput y: f32[n, m]\nparam w: f32 = 1\n\
                minimize mean(x) * w * sum(ones([m])) with sgd(lr=0.5)\n";
    let mut session = Session::new(Graph::from_text("c.graph", text)?, SessionOptions::default())?;
    let x = [(Name::from("x"), literal(&[2], &[1f32, 3.]))].into_iter().collect();
    let error = session.step_with(&Binding::default(), &x).expect_err("`m` has no number");
    assert_eq!(error.code(), "E0656");
    let results = session.step_with(&Binding::from_iter([("m", 5)]), &x)?;
    assert_eq!(results.metrics["loss"].to_string(), "10.0");
    assert_eq!(session.variable("w").map(|w| w.to_string()).as_deref(), Some("-4.0"));
    Ok(())
}

/// A path in the folder of tests.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn files_have_consts_and_import_what_lies_beside_them() -> Result<(), Box<dyn Error>> {
    std::fs::write(path("parts.graph"), "fn double(x) { return x * 2 }\n")?;
    let text = "import \"parts.graph\"\nconst size = 2\ninput x: f32[size]\noutput y = double(x)\n";
    std::fs::write(path("whole.graph"), text)?;
    let consts = [("size".to_string(), "3".to_string())];
    let graph = Graph::from_file_with(path("whole.graph"), &consts)?;
    let mut session = Session::new(graph.clone(), SessionOptions::default())?;
    let outputs = session.outputs([("x", literal(&[3], &[1f32, 2., 3.]))])?;
    assert_eq!(outputs["y"].to_string(), "[2.0, 4.0, 6.0]");
    assert!(graph.warnings().is_empty());
    let unknown = [("sizes".to_string(), "3".to_string())];
    assert!(Graph::from_text_with("a.graph", "const size = 2\n", &unknown).is_err());
    Ok(())
}

#[test]
fn a_file_of_another_model_is_refused_as_a_whole() -> Result<(), Box<dyn Error>> {
    let file = path("weights.safetensors");
    let session = |text: &str| -> Result<Session, Box<dyn Error>> {
        let mut session =
            Session::new(Graph::from_text("d.graph", text)?, SessionOptions::default())?;
        session.initialise(&Binding::default())?;
        Ok(session)
    };
    let mut trained = session(TEXT)?;
    let x = literal(&[1, 2], &[1f32, 2.]);
    trained.step([("x", x), ("label", literal(&[1], &[0]))])?;
    trained.save(&file)?;
    let mut again = session(TEXT)?;
    again.load_whole(&file)?;
    assert_eq!(
        (again.clock(), again.variable("table")),
        (trained.clock(), trained.variable("table"))
    );
    // Without the optimiser, whose slots are of no use, it is the same model.
    let untrained = TEXT.rsplit_once("minimize").ok_or("it trains")?.0;
    session(&format!("{untrained}output logits\n"))?.load_whole(&file)?;
    let mut other = session(&TEXT.replace("table", "tables"))?;
    let before = values(&other);
    let error = other.load_whole(&file).expect_err("another name");
    assert_eq!(error.code(), "E0637");
    let message = "no value for `tables`, and there is no variable `table`";
    assert!(error.to_string().ends_with(message), "{error}");
    assert_eq!(values(&other), before);
    Ok(())
}

#[test]
fn a_report_has_the_place_of_a_failed_step() -> Result<(), Box<dyn Error>> {
    let graph = Graph::from_text("a.graph", TEXT)?;
    let mut session = Session::new(graph.clone(), SessionOptions::default())?;
    let feeds = [("x", literal(&[1, 2], &[1f32, 2.])), ("label", literal(&[1], &[-1]))];
    let error: RunError = session.step(feeds).expect_err("no class");
    let report = Report::of_run(&error, graph.sources(), &RenderOptions::default());
    let place = report.place.ok_or("it has one")?;
    assert_eq!((report.code, &*place.file, place.line), ("E0655", "a.graph", 5));
    assert!(report.text.contains("5 | minimize sparse_softmax"), "{}", report.text);
    Ok(())
}
