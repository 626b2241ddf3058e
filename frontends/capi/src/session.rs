//! Sessions: made, compiled, freed, and what is set of them.

use std::ptr::null_mut;

use brolga::compiler::ir::Dim as TypedDim;
use brolga::text::codes::Code;
use brolga::{Binding, Results, RunError, SessionOptions, TensorType, host_threads};

use crate::boundary::{Failure, call};
use crate::given::{dims, exclusive, list, number, put, reference};
use crate::graph::{Graph, free};
use crate::listing::{Names, Tensors};
use crate::types::{BROLGA_EVAL, BROLGA_PREDICT, BROLGA_TRAIN, Clock, Dim, Entry, Options, Status};

/// A graph with variables, threads and machine code. It may be used by any thread, but by one at a
/// time.
pub struct Session {
    pub(crate) graph: brolga::Graph,
    pub(crate) session: brolga::Session,
    /// The numbers that hold in every call.
    pub(crate) dims: Binding,
    /// Those of the last call, if it has succeeded.
    pub(crate) results: Results,
    pub(crate) listed_results: Tensors,
    pub(crate) listed_variables: Tensors,
    /// The names in the file that was loaded last: matched, missing, unknown.
    pub(crate) loaded: [Names; 3],
    /// Whether a call is under way, or has ended by a panic.
    is_broken: bool,
}

// What the header says of threads.
const _: fn() = || {
    fn sent<T: Send>() {}
    sent::<brolga::Session>();
};

impl Session {
    /// Does something with the runtime's session; an error shows lines of the graph's text.
    pub(crate) fn run<T>(
        &mut self,
        body: impl FnOnce(&mut brolga::Session) -> Result<T, RunError>,
    ) -> Result<T, Failure> {
        body(&mut self.session).map_err(|error| Failure::run(&error, self.graph.sources()))
    }
}

/// Calls with the session that a pointer names.
///
/// # Safety
/// As for [`exclusive`].
pub(crate) unsafe fn with(
    session: *mut Session,
    body: impl FnOnce(&mut Session) -> Result<(), Failure>,
) -> Status {
    call(|| {
        // SAFETY: the caller's promise.
        let session = unsafe { exclusive(session, "session") }?;
        if session.is_broken {
            let message = "a bug was met in an earlier call of this session";
            return Err(Failure::call(Code::AfterBug, message, "free it, and make another"));
        }
        session.is_broken = true;
        let done = body(session);
        session.is_broken = false;
        done
    })
}

/// The names of the dimensions of a graph's inputs.
fn symbols(graph: &brolga::Graph) -> Vec<String> {
    let module = graph.module();
    let graphs = [&module.train, &module.infer].into_iter();
    let types = graphs.flat_map(|g| g.inputs.iter().map(|&input| g.tensor_type(input)));
    let mut names: Vec<String> = types.flat_map(symbols_of).collect();
    names.sort();
    names.dedup();
    names
}

fn symbols_of(t: &TensorType) -> impl Iterator<Item = String> {
    t.shape.iter().flat_map(TypedDim::symbols).map(|symbol| symbol.to_string())
}

/// As many threads as are asked for, where 0 is one on each core.
fn threads(asked: usize) -> Result<usize, Failure> {
    match asked {
        0 => Ok(host_threads()),
        // So many that the system is not brought down by asking.
        n if n <= usize::from(u16::MAX) => Ok(n),
        n => Err(number(format!("{n} threads are more than {}", u16::MAX))),
    }
}

/// Makes a session. Nothing is compiled yet; each call compiles what it needs when it first meets
/// the sizes that it is fed with.
///
/// graph: may be freed afterwards.
/// options: NULL for seed 0 and a thread on each core.
/// session: takes the session, which the caller frees by brolga_session_free; NULL after an error.
///
/// Errors: a dimension that no input has (E0704); threads that the system refuses (E0662).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_new(
    graph: *const Graph,
    options: *const Options,
    session: *mut *mut Session,
) -> Status {
    call(|| {
        // SAFETY: as all functions here.
        let (graph, dims, seed, asked) = unsafe {
            put(session, null_mut(), "session")?;
            let graph = &reference(graph, "graph")?.graph;
            match options.is_null() {
                true => (graph, Binding::default(), 0, 0),
                false => {
                    let Options { seed, threads, dims: given, n_dims } =
                        *reference(options, "options")?;
                    let given = list(given, n_dims, "options->dims")?;
                    (graph, dims(given, &symbols(graph))?, seed, threads)
                }
            }
        };
        let options =
            SessionOptions { seed, threads: threads(asked)?, ..SessionOptions::default() };
        let made = brolga::Session::new(graph.clone(), options);
        let made = Session {
            session: made.map_err(|error| Failure::run(&error, graph.sources()))?,
            graph: graph.clone(),
            dims,
            results: Results::default(),
            listed_results: Tensors::default(),
            listed_variables: Tensors::default(),
            loaded: Default::default(),
            is_broken: false,
        };
        // SAFETY: as above.
        unsafe { put(session, Box::into_raw(Box::new(made)), "session") }
    })
}

/// Frees a session, its threads and all that it has given lists of; nothing, if it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_free(session: *mut Session) {
    // SAFETY: as all functions here.
    unsafe { free(session) }
}

/// Compiles now what a later call would, so that its first step is as fast as the others. The
/// variables get their initial values, the optimisers' too.
///
/// entry: BROLGA_TRAIN, BROLGA_EVAL or BROLGA_PREDICT.
/// dims: the sizes that will be fed, such as {"batch", 32}; NULL if n_dims is 0.
///
/// Errors: what the compiler refuses, at its place in the text; a dimension that no input has
/// (E0704).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_compile(
    session: *mut Session,
    entry: Entry,
    dims: *const Dim,
    n_dims: usize,
) -> Status {
    let body = |session: &mut Session| {
        let entry = match entry {
            BROLGA_TRAIN => brolga::Entry::Train,
            BROLGA_EVAL => brolga::Entry::Eval,
            BROLGA_PREDICT => brolga::Entry::Run { fetch: vec![] },
            other => return Err(number(format!("there is no entry {other}"))),
        };
        // SAFETY: as all functions here.
        let given = unsafe { self::dims(list(dims, n_dims, "dims")?, &symbols(&session.graph)) }?;
        let mut binding = session.dims.clone();
        session.run(|session| {
            // The same numbers as those of a call: what its inputs do not have is not said by them.
            let inputs = session.data_inputs(&entry, &binding, false)?;
            let fed: Vec<String> = inputs.iter().flat_map(|(_, t)| symbols_of(t)).collect();
            for (symbol, n) in given.iter().filter(|(symbol, _)| fed.contains(&symbol.to_string()))
            {
                binding.bind(&symbol.0, n);
            }
            session.prepare(&entry, &binding).map(drop)
        })
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Runs on so many threads from now on; 0 for one on each core. It changes no bit of a result.
///
/// Errors: threads that the system refuses (E0662).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_set_threads(
    session: *mut Session,
    threads: usize,
) -> Status {
    let body = |session: &mut Session| {
        let n = self::threads(threads)?;
        session.run(|session| session.set_threads(n))
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Tells what the variables have been trained for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_clock(session: *mut Session, clock: *mut Clock) -> Status {
    let body = |session: &mut Session| {
        let brolga::Clock { step, epoch } = session.session.clock();
        // SAFETY: as all functions here.
        unsafe { put(clock, Clock { step, epoch }, "clock") }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Sets what the variables have been trained for: the epoch where one ends, if the graph reads it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_set_clock(session: *mut Session, clock: Clock) -> Status {
    let body = |session: &mut Session| {
        let Clock { step, epoch } = clock;
        session.session.set_clock(brolga::Clock { step, epoch });
        Ok(())
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::ptr::null;

    use super::*;
    use crate::error::brolga_error_code;
    use crate::graph::{brolga_graph_free, brolga_graph_from_text};
    use crate::types::{BROLGA_ERROR_BUG, BROLGA_ERROR_CALL, BROLGA_OK};

    #[test]
    fn a_session_is_not_used_after_a_bug() {
        let (mut graph, mut session) = (null_mut(), null_mut());
        let (name, text) = (c"a.graph".as_ptr(), c"param w: f32 = 1\noutput w\n".as_ptr());
        // SAFETY: the pointers are to what is here, and each handle is freed once.
        unsafe {
            assert_eq!(brolga_graph_from_text(name, text, null(), 0, &raw mut graph), BROLGA_OK);
            assert_eq!(brolga_session_new(graph, null(), &raw mut session), BROLGA_OK);
            assert_eq!(with(session, |_| panic!("a bug")), BROLGA_ERROR_BUG);
            assert_eq!(brolga_session_set_threads(session, 1), BROLGA_ERROR_CALL);
            assert_eq!(CStr::from_ptr(brolga_error_code()), c"E0707");
            brolga_session_free(session);
            brolga_graph_free(graph);
        }
    }
}
