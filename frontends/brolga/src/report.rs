//! Errors for programs that show them to people, or go on after them: in parts, and as the text
//! that the command prints, with the lines of the file that it speaks of.

use brolga_compiler::error::{CompileError, codes};
use brolga_compiler::ir::Position;
use brolga_compiler::ops::EvalError;
use brolga_runtime::data::DataError;
use brolga_runtime::{Fault, RunError};
use brolga_text::LoadError;
use brolga_text::codes::Code;
use brolga_text::diagnostics::{Diagnostic, Diagnostics, RenderOptions, Severity, render};
use brolga_text::source::Sources;

/// What to do about an index, the one thing in data that stops a run.
const INDEX_HELP: &str = "indices and labels count from 0 and are smaller than the dimension that \
    they index: correct the data, or make the dimension larger";

/// What an error says. Of several that are reported at once, the parts are those of the first.
///
/// ```
/// use brolga::text::diagnostics::RenderOptions;
/// use brolga::{Error, Graph, Report};
///
/// let error = Graph::from_text("y.graph", "input x: f32[3]\noutput y = x @ x2\n").err();
/// let Some(Error::Text(error)) = error else { return Err("`x2` is nowhere".into()) };
/// let report = Report::of_load(&error, &RenderOptions::default());
/// let place = report.place.ok_or("it has a place")?;
/// assert_eq!((report.code, place.line, place.column), ("E0301", 2, 16));
/// assert!(report.text.starts_with("error[E0301]: "), "{}", report.text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Who has to change something.
    pub fault: Fault,
    /// The code: `E0203`.
    pub code: &'static str,
    /// What is wrong, lower case without a full stop.
    pub message: String,
    /// Where, if it is the text of a graph that is wrong.
    pub place: Option<Position>,
    /// All of it, with a line end at the end.
    pub text: String,
}

impl Report {
    /// An error without a place; `help` says what to change, if there is more to say.
    ///
    /// ```
    /// use brolga::{Fault, Report};
    ///
    /// let report = Report::new(Fault::Input, "E0001", "there is no file".into(), "name one");
    /// assert_eq!(report.text, "error[E0001]: there is no file\n  = help: name one\n");
    /// ```
    pub fn new(fault: Fault, code: &'static str, message: String, help: &str) -> Report {
        let help = if help.is_empty() { String::new() } else { format!("  = help: {help}\n") };
        let text = format!("error[{code}]: {message}\n{help}");
        Report { fault, code, message, place: None, text }
    }

    /// What is wrong with a text.
    ///
    /// ```
    /// use brolga::text::diagnostics::RenderOptions;
    /// use brolga::{Error, Graph, Report};
    ///
    /// let Some(Error::Text(error)) = Graph::from_text("y.graph", "output y = (1\n").err() else {
    ///     return Err("a bracket is open".into());
    /// };
    /// let report = Report::of_load(&error, &RenderOptions::default());
    /// assert!(report.text.contains("1 | output y = (1\n"), "{}", report.text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_load(error: &LoadError, options: &RenderOptions) -> Report {
        let LoadError { diagnostics, sources } = error;
        let mut errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
        let first = errors.next().expect("a text is refused for an error");
        let place = first.span().map(|span| {
            let (start, name) = (sources.start(span), sources.get(span.source).name());
            let length = sources.text(span).chars().count() as u32;
            Position { file: name.into(), line: start.line, column: start.column, length }
        });
        Report {
            fault: Fault::Input,
            code: first.code.id(),
            message: first.message.clone(),
            place: place.or(first.elsewhere.clone()),
            text: render(diagnostics, sources, options),
        }
    }

    /// What the compiler refuses, at its place in `sources`.
    ///
    /// ```
    /// use brolga::text::{diagnostics::RenderOptions, source::Sources};
    /// use brolga::{Report, build_module, f32};
    ///
    /// let line = line!();
    /// let errors = build_module(|g| {
    ///     let x = g.input("x", f32([3.into()]));
    ///     g.output("y", x.matmul(g.constant([1.0, 2.0])));
    /// });
    /// let errors = errors.err().ok_or("3 is not 2")?;
    /// let report = Report::of_compile(&errors[0], &Sources::new(), &RenderOptions::default());
    /// assert_eq!((report.code, report.place.map(|place| place.line)), ("E0203", Some(line + 3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_compile(error: &CompileError, sources: &Sources, options: &RenderOptions) -> Report {
        let first = error.provenance.sites().first();
        Report {
            fault: if error.code == codes::BUG { Fault::Bug } else { Fault::Input },
            code: error.code,
            message: error.message.clone(),
            place: first.and_then(|site| site.chain.first()).cloned(),
            text: rendered(error, sources, options),
        }
    }

    /// What the runtime says, with the lines of `sources` that it speaks of.
    ///
    /// ```
    /// use brolga::text::diagnostics::RenderOptions;
    /// use brolga::{Graph, Literal, Report, Session, SessionOptions};
    ///
    /// let text = "input id: i32[n]\noutput y = gather([1.5, 2.5], id)\n";
    /// let graph = Graph::from_text("y.graph", text)?;
    /// let mut session = Session::new(graph.clone(), SessionOptions::default())?;
    /// let id = Literal::from_vec(&[1], vec![2]).ok_or("one element")?;
    /// let error = session.outputs([("id", id)]).err().ok_or("2 is no index")?;
    /// let report = Report::of_run(&error, graph.sources(), &RenderOptions::default());
    /// assert!(report.text.contains("2 | output y = gather("), "{}", report.text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_run(error: &RunError, sources: &Sources, options: &RenderOptions) -> Report {
        let placed = |error: &CompileError| Report::of_compile(error, sources, options);
        let report = match error {
            RunError::Compile(error) => placed(error),
            RunError::Data(error) => return Report::of_data(error),
            RunError::Eval { node, provenance, error: why, fed } => {
                let fed = fed.as_ref().map_or(String::new(), |fed| format!(": {fed}"));
                let message = format!("{why}, in `{node}`{fed}");
                let error = CompileError::new(error.code(), message, provenance);
                placed(&match why {
                    EvalError::IndexOutOfRange { .. } => error.with_help(INDEX_HELP),
                    EvalError::Unfed(_) | EvalError::InRegion(_) => error,
                })
            }
            RunError::NotFinite { first: Some(first), .. } => {
                let (code, message) = (error.code(), error.to_string());
                let of_place = CompileError::new(code, message, &first.provenance);
                placed(&of_place.with_help(error.help()))
            }
            RunError::MadeNotFinite { made, .. } => {
                let (code, message) = (error.code(), error.to_string());
                let of_place = CompileError::new(code, message, &made.first.provenance);
                placed(&of_place.with_help(error.help()))
            }
            other => Report::new(other.fault(), other.code(), other.to_string(), &other.help()),
        };
        Report { fault: error.fault(), ..report }
    }

    /// Data that cannot be read or written.
    ///
    /// ```
    /// use brolga::{Fault, Report, load_data};
    ///
    /// let error = load_data("digit").err().ok_or("`digits` is meant")?;
    /// let report = Report::of_data(&error);
    /// assert_eq!((report.fault, report.code), (Fault::Input, "E0601"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_data(error: &DataError) -> Report {
        let fault = if error.is_machine_fault() { Fault::Machine } else { Fault::Input };
        Report::new(fault, error.code(), error.to_string(), &error.help())
    }
}

/// A compiler's error at its place in the user's text.
fn rendered(error: &CompileError, sources: &Sources, options: &RenderOptions) -> String {
    let Some(code) = Code::from_id(error.code) else { return format!("{error}\n") };
    let mut diagnostic = Diagnostic::error(code, error.message.clone());
    let label = error.label.clone().unwrap_or_default();
    let chain = error.provenance.sites().first().map_or(&[][..], |place| &place.chain);
    for (number, position) in chain.iter().enumerate() {
        diagnostic = match (sources.span_of(position), number) {
            (Some(span), 0) => diagnostic.at(span, label.clone()),
            // A dump names lines of the file that it was made of.
            (None, 0) => diagnostic.elsewhere(position.clone()),
            (Some(span), _) => diagnostic.note_at(span, "in this line"),
            (None, _) => diagnostic.note(format!("at {}:{}", position.file, position.line)),
        };
    }
    if let Some(help) = &error.help {
        diagnostic = diagnostic.help(help.clone());
    }
    render(&Diagnostics::from(diagnostic), sources, options)
}
