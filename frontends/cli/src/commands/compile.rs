//! `brolga compile`: a model as an object file, a static or a shared library, for programs in C.

mod share;

use std::path::{Path, PathBuf};

use brolga::compiler::compile::Options;
use brolga::compiler::object::{self, EntryKind, Given, Object, ObjectError, Wanted};
use brolga::library::{LibraryError, place, static_library};
use brolga::runtime::data::{DataError, write_file};
use brolga::{Binding, Target, host_memory, host_target};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::arguments::{Compile, Model};
use crate::failure::Failure;
use crate::model::{
    ASSUMED, ReadFile, binding, check_dims, read, session, session_options, symbols,
};
use crate::output::outln;
use crate::weights::{Purpose, load_weights};

/// The targets by name.
const TARGETS: [Target; 5] =
    [Target::X86_64_V4, Target::X86_64_V3, Target::X86_64_V2, Target::X86_64, Target::AARCH64];

/// How the output is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Object,
    Static,
    Shared,
}

pub(crate) fn run(arguments: &Compile) -> Result<(), Failure> {
    let output = &arguments.output;
    let format = format(output)?;
    let target = target(&arguments.target)?;
    if format == Format::Shared && !is_of_host(&target) {
        let message = "error: a shared library is linked by the system's `cc`, for this machine\n";
        return Err(Failure::Usage(message.to_string()));
    }
    if arguments.runtime {
        return runtime(arguments, &target, format);
    }
    let model = &Model {
        file: arguments.file.clone().unwrap_or_default(),
        dims: arguments.dims.clone(),
        consts: arguments.consts.clone(),
        machine: arguments.machine.clone(),
        limits: arguments.limits.clone(),
    };
    let program = read(model)?;
    check_dims(&program.module, &model.dims)?;
    let mut wanted = wanted(arguments, &program, &binding(&model.dims)?)?;
    let assumed = assume(&program, &mut wanted);
    let stem = Path::new(&model.file).file_stem().unwrap_or_default().to_string_lossy();
    let name = object::prefix(&program.module, &stem);
    let given = given(arguments, &program, model)?;
    let options = Options { memory_limit: host_memory(), ..Options::default() };
    let compiled =
        object::Model::compile(&program.module, &name, &wanted, given, (&target, &options));
    let compiled = compiled.map_err(|e| failure(&e, &program))?;
    let source = Path::new(&model.file).file_name().unwrap_or_default().to_string_lossy();
    let version = (env!("CARGO_PKG_VERSION"), &*source);
    let object = compiled.emit(&place, version).map_err(|e| failure(&e, &program))?;
    write(output, format, (&name, &target), &object)?;
    report(arguments, &name, (&object, &assumed));
    Ok(())
}

fn failure(error: &ObjectError, program: &ReadFile) -> Failure {
    match error {
        ObjectError::Compile(error) => Failure::compile(error, &program.sources),
        ObjectError::Codegen(error) => {
            let help = "this is a bug of the compiler: please report it";
            Failure::input("E0654", &error.to_string(), help)
        }
        ObjectError::GivenType { .. } => {
            let help = "give the dimensions that the weights were trained with";
            Failure::input("E0661", &error.to_string(), help)
        }
        ObjectError::VariableType { .. } => {
            let help = "entries share the variables: give all of them the same `--dim`";
            Failure::input("E0660", &error.to_string(), help)
        }
        ObjectError::OpenVariable { .. } => {
            Failure::input("E0665", &error.to_string(), "give its number with `--dim NAME=N`")
        }
        ObjectError::NoEntry(_) => Failure::Usage(format!("error: {error}\n")),
    }
}

/// The format that the output's ending says.
fn format(output: &Path) -> Result<Format, Failure> {
    match output.extension().and_then(|ending| ending.to_str()) {
        Some("o") => Ok(Format::Object),
        Some("a") => Ok(Format::Static),
        Some("so") => Ok(Format::Shared),
        Some(_) | None => Err(Failure::Usage(format!(
            "error: `{}`: the ending says what is written: .a, .o or .so\n",
            output.display()
        ))),
    }
}

fn target(name: &str) -> Result<Target, Failure> {
    if name == "host" {
        return Ok(host_target());
    }
    let found = TARGETS.iter().find(|target| target.name == name);
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        Failure::Usage(format!(
            "error: there is no target `{name}`; the targets are host, {}\n",
            names.join(", ")
        ))
    })
}

/// Whether a target has this machine's kind of processor.
fn is_of_host(target: &Target) -> bool {
    target.triple.split('-').next() == Some(std::env::consts::ARCH)
}

/// Writes the kernels' library alone.
fn runtime(arguments: &Compile, target: &Target, format: Format) -> Result<(), Failure> {
    if format != Format::Static {
        let text = "error: `--runtime` writes an .a\n";
        return Err(Failure::Usage(text.to_string()));
    }
    write_bytes(&arguments.output, &library(target, &[])?)?;
    let output = arguments.output.display().to_string();
    match arguments.machine.json {
        true => outln!("{}", json!({"output": output})),
        false => outln!("{output}: the kernels"),
    }
    Ok(())
}

fn library(target: &Target, objects: &[(String, &[u8])]) -> Result<Vec<u8>, Failure> {
    static_library(target, objects).map_err(|error| match &error {
        LibraryError::NoKernels(target) => {
            let triple = target.triple;
            let help = format!("`rustup target add {triple}`, and install brolga again");
            Failure::input("E0673", &error.to_string(), &help)
        }
        LibraryError::Damaged(_) => {
            let help = "this is a bug of the command: please report it";
            Failure::input("E0654", &error.to_string(), help)
        }
    })
}

/// The entries that are asked for, with their dimensions; without any, all that the file has.
fn wanted(
    arguments: &Compile,
    program: &ReadFile,
    given: &Binding,
) -> Result<Vec<Wanted>, Failure> {
    let module = &program.module;
    let natural = EntryKind::natural(module).into_iter();
    let natural: Vec<String> = natural.map(|kind| kind.name().to_string()).collect();
    let texts = if arguments.entries.is_empty() { &natural } else { &arguments.entries };
    let known = symbols(module);
    let mut wanted: Vec<Wanted> = vec![];
    for text in texts {
        let (name, dims) = text.split_once(':').unwrap_or((text, ""));
        let usage = |why: String| Failure::Usage(format!("error: `--entry {text}`: {why}\n"));
        let kind = EntryKind::named(name).map_err(|e| usage(e.to_string()))?;
        if wanted.iter().any(|other| other.kind == kind) {
            return Err(usage("it is given more than once".to_string()));
        }
        let mut binding = given.clone();
        for dim in dims.split(',').filter(|dim| !dim.is_empty()) {
            let (symbol, number) = dim.split_once('=').unwrap_or((dim, ""));
            let number = number.parse().ok().filter(|n| (1..=i64::MAX as u64).contains(n));
            let number = number.ok_or_else(|| usage(format!("`{dim}` is not `NAME=N`")))?;
            if !known.contains(symbol) {
                return Err(usage(format!("no input has the dimension `{symbol}`")));
            }
            binding.bind(symbol, number);
        }
        wanted.push(Wanted { kind, binding });
    }
    if wanted.is_empty() {
        let message = "there is nothing to compile: the file has no step and no output";
        return Err(Failure::input("E0502", message, "add a `minimize` or an `output`"));
    }
    Ok(wanted)
}

/// Gives dimensions without a number one, as `check` and `dump` do; returns what was given.
fn assume(program: &ReadFile, wanted: &mut [Wanted]) -> Vec<String> {
    let mut symbols: Vec<String> = symbols(&program.module).into_iter().collect();
    symbols.sort();
    let mut assumed = vec![];
    for symbol in symbols {
        let is_open = |wanted: &&mut Wanted| wanted.binding.iter().all(|(s, _)| *s.0 != *symbol);
        let mut open = wanted.iter_mut().filter(is_open).peekable();
        if open.peek().is_some() {
            assumed.push(format!("{symbol}={ASSUMED}"));
        }
        for wanted in open {
            wanted.binding.bind(&symbol, ASSUMED);
        }
    }
    assumed
}

/// The weights that the model begins with.
fn given(arguments: &Compile, program: &ReadFile, model: &Model) -> Result<Given, Failure> {
    if arguments.weights.params.is_empty() {
        return Ok(Given::default());
    }
    let mut session = session(program, session_options(&model.machine))?;
    load_weights(&mut session, program, &arguments.weights, Purpose::Training)?;
    let clock = session.clock();
    let values: IndexMap<_, _> =
        session.variables().map(|(name, _, value)| (name.clone(), value)).collect();
    Ok(Given { values, clock: [clock.step, clock.epoch] })
}

fn write(
    output: &Path,
    format: Format,
    (name, target): (&str, &Target),
    object: &Object,
) -> Result<(), Failure> {
    let member = || (format!("{name}.o"), &*object.object);
    match format {
        Format::Object => write_bytes(output, &object.object)?,
        Format::Static => write_bytes(output, &library(target, &[member()])?)?,
        Format::Shared => {
            let archive = output.with_extension("so.a");
            write_bytes(&archive, &library(target, &[member()])?)?;
            let shared = share::share(&archive, output, name);
            let _ = std::fs::remove_file(&archive);
            shared?;
        }
    }
    write_bytes(&header_path(output), object.header.as_bytes())
}

/// Where the header goes: beside the library, `mlp.h` for `mlp.a` and for `libmlp.so`.
fn header_path(output: &Path) -> PathBuf {
    output.with_extension("h")
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_file(path, bytes).map_err(|e: DataError| Failure::data(&e))
}

fn report(arguments: &Compile, name: &str, (object, assumed): (&Object, &[String])) {
    let sizes = &object.sizes;
    if arguments.machine.json {
        let code: Map<String, Value> =
            sizes.code.iter().map(|(entry, bytes)| (entry.clone(), json!(bytes))).collect();
        outln!(
            "{}",
            json!({
                "name": name,
                "output": arguments.output.display().to_string(),
                "header": header_path(&arguments.output).display().to_string(),
                "object_bytes": object.object.len(),
                "code_bytes": code,
                "constant_bytes": sizes.constants,
                "weight_bytes": sizes.weights,
                "model_bytes": sizes.block,
                "variable_bytes": sizes.variables,
                "step_bytes": sizes.step,
            })
        );
        return;
    }
    let (output, header) = (arguments.output.display(), header_path(&arguments.output));
    if !assumed.is_empty() {
        outln!("with {}; see --dim and --entry", assumed.join(", "));
    }
    outln!("{output} and {}: symbols begin with {name}_", header.display());
    for (entry, bytes) in &sizes.code {
        outln!("  code of {entry}: {bytes} bytes");
    }
    outln!("  constants: {} bytes, weights: {} bytes", sizes.constants, sizes.weights);
    outln!(
        "  a model in memory: {} bytes, of which variables {}, a step {}",
        sizes.block,
        sizes.variables,
        sizes.step
    );
}
