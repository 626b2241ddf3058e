//! Steps, metrics and outputs: what a session is fed with, and its results.

use std::ffi::{c_char, c_void};

use brolga::text::codes::Code;
use brolga::{Entry, IndexMap, Literal, Name, Results, RunError};

use crate::boundary::Failure;
use crate::given::{arrays, dtype, list, text, unknown};
use crate::graph::{give, inputs};
use crate::listing::Tensors;
use crate::session::{Session, with};
use crate::types::{Array, BROLGA_METRIC, BROLGA_OUTPUT, Dtype, Status, Tensor};

/// Trains on one batch: computes the losses and their gradients, updates the variables, and counts
/// the step. The losses and metrics of the batch are read by brolga_session_result.
///
/// feeds: a tensor for each input that training needs, of its type; NULL if n_feeds is 0. They are
/// not changed, and not needed after the call.
///
/// Errors: an input that is missing (E0656), unknown (E0657), of another element type (E0658) or
/// shape (E0611, E0612); an index or label out of range (E0655); what the compiler refuses. The
/// variables are as before then, the step is not counted, and there are no results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_train(
    session: *mut Session,
    feeds: *const Array,
    n_feeds: usize,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        unsafe {
            session.call((feeds, n_feeds), |session, (dims, feeds)| session.step_with(dims, feeds))
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Computes the losses and metrics of a batch without training. They are read by
/// brolga_session_result.
///
/// feeds: as for brolga_session_train.
///
/// Errors: as for brolga_session_train.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_eval(
    session: *mut Session,
    feeds: *const Array,
    n_feeds: usize,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        unsafe {
            session.call((feeds, n_feeds), |session, (dims, feeds)| {
                session.run(&Entry::Eval, dims, feeds)
            })
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Computes outputs, which are read by brolga_session_result.
///
/// names: outputs, or any names that the text gives to values; NULL for all outputs, if n_names is
/// 0.
/// feeds: a tensor for each input that these depend on, as for brolga_session_train.
///
/// Errors: as for brolga_session_train; a name that is not in the graph (E0301).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_predict(
    session: *mut Session,
    names: *const *const c_char,
    n_names: usize,
    feeds: *const Array,
    n_feeds: usize,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        unsafe {
            let name = |(k, &name): (usize, &*const c_char)| {
                Ok(Name::from(text(name, &format!("names[{k}]"))?))
            };
            let names = list(names, n_names, "names")?.iter().enumerate().map(name);
            let entry = Entry::Run { fetch: names.collect::<Result<_, Failure>>()? };
            session
                .call((feeds, n_feeds), |session, (dims, feeds)| session.run(&entry, dims, feeds))
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Dimensions and tensors of a call.
type Given<'a> = (&'a brolga::Binding, &'a IndexMap<Name, Literal>);

impl Session {
    /// Reads what a call is fed with, makes it, and keeps its results.
    ///
    /// # Safety
    /// As for [`list`] and [`arrays`].
    unsafe fn call(
        &mut self,
        (feeds, n_feeds): (*const Array, usize),
        body: impl FnOnce(&mut brolga::Session, Given<'_>) -> Result<Results, RunError>,
    ) -> Result<(), Failure> {
        // After an error nobody is to take old results for new ones.
        self.results = Results::default();
        // SAFETY: the caller's promise.
        let feeds = unsafe { arrays(list(feeds, n_feeds, "feeds")?, "feeds") }?;
        self.check_dtypes(&feeds)?;
        let dims = self.dims.clone();
        self.results = self.run(|session| body(session, (&dims, &feeds)))?;
        Ok(())
    }

    /// Refuses tensors of another element type than their inputs have: the runtime would convert
    /// some.
    fn check_dtypes(&self, feeds: &IndexMap<Name, Literal>) -> Result<(), Failure> {
        let module = self.graph.module();
        let declared = [&module.infer, &module.train].into_iter().flat_map(inputs);
        for (name, _, declared) in declared {
            let Some(fed) = feeds.get(name).map(Literal::tensor_type) else { continue };
            if fed.dtype != declared.dtype {
                let error = RunError::FeedType { name: name.into(), declared, fed };
                return Err(Failure::run(&error, self.graph.sources()));
            }
        }
        Ok(())
    }

    fn result(&self, name: &str) -> Result<&Literal, Failure> {
        let Results { outputs, metrics } = &self.results;
        metrics.get(name).or_else(|| outputs.get(name)).ok_or_else(|| {
            let known = metrics.keys().chain(outputs.keys()).map(|name| name.to_string());
            let known: Vec<String> = known.collect();
            unknown(&format!("the last call has no result `{name}`"), &known)
        })
    }
}

/// Lists the results of the last call of brolga_session_train, _eval or _predict: of the first two
/// the losses and metrics, of the third the outputs. There are none if it has failed.
///
/// results, n_results: take the list and its length. The list is the session's, until
/// brolga_session_results is called again or the session is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_results(
    session: *mut Session,
    results: *mut *const Tensor,
    n_results: *mut usize,
) -> Status {
    let body = |session: &mut Session| {
        let Results { outputs, metrics } = &session.results;
        let all = metrics.iter().map(|result| (BROLGA_METRIC, result));
        let all = all.chain(outputs.iter().map(|result| (BROLGA_OUTPUT, result)));
        let all = all.map(|(kind, (name, value))| (&**name, kind, value.tensor_type()));
        session.listed_results = Tensors::new(all);
        // SAFETY: as all functions here.
        unsafe { give(&session.listed_results, (results, "results"), (n_results, "n_results")) }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Copies a result of the last call of brolga_session_train, _eval or _predict into memory of the
/// caller's.
///
/// dtype, n_elements: the element type and the number of elements that the memory is for; 1 for a
/// number alone, such as a loss.
/// data: takes the elements, row after row.
///
/// Errors: a name that is no result (E0704); a result of another type or number of elements
/// (E0706). Nothing is copied then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_result(
    session: *mut Session,
    name: *const c_char,
    dtype: Dtype,
    data: *mut c_void,
    n_elements: usize,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        unsafe {
            let name = text(name, "name")?;
            copy((name, session.result(name)?), dtype, (data, n_elements))
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Copies a value to where the caller wants it.
///
/// # Safety
/// There is memory for so many elements of the type.
pub(crate) unsafe fn copy(
    (name, value): (&str, &Literal),
    asked: Dtype,
    (data, n_elements): (*mut c_void, usize),
) -> Result<(), Failure> {
    let asked = dtype(asked, "the memory for a value")?;
    if asked != value.dtype() || n_elements != value.n_elements() {
        let (is, n) = (value.tensor_type(), value.n_elements());
        let message =
            format!("`{name}` is {is}, {n} elements, and is read as {n_elements} of {asked}");
        return Err(Failure::call(Code::ReadAsOther, message, ""));
    }
    if data.is_null() {
        return Err(Failure::call(Code::NullPointer, "data is NULL", ""));
    }
    let bytes = value.to_bytes();
    // SAFETY: it is not NULL; there is memory of this size by the caller's promise, none of it
    // ours.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast::<u8>(), bytes.len()) };
    Ok(())
}
