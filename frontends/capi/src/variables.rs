//! Variables: listed, read, written, saved and loaded.

use std::ffi::{c_char, c_void};

use brolga::compiler::ir::VariableKind;
use brolga::runtime::store;

use crate::boundary::Failure;
use crate::calls::copy;
use crate::given::{arrays, list, put, text, unknown};
use crate::graph::give;
use crate::listing::{Names, Tensors};
use crate::session::{Session, with};
use crate::types::{
    Array, BROLGA_PARAM, BROLGA_SLOT, BROLGA_STATE, Dtype, Kind, Loaded, Status, Tensor,
};

impl Session {
    /// Gives the variables their initial values that have none yet, where their dimensions are
    /// known.
    fn initialise(&mut self) -> Result<(), Failure> {
        let dims = self.dims.clone();
        self.run(|session| session.initialise(&dims))
    }

    /// The names of the variables that have a value.
    fn names(&self) -> Vec<String> {
        self.session.variables().map(|(name, ..)| name.to_string()).collect()
    }
}

fn kind(kind: VariableKind) -> Kind {
    match kind {
        VariableKind::Param => BROLGA_PARAM,
        VariableKind::State => BROLGA_STATE,
        VariableKind::Slot => BROLGA_SLOT,
    }
}

/// Lists the variables that have a value: params and states from the beginning (those whose size
/// depends on what is fed, after the first call), the optimisers' slots after the first step. They
/// are in the order of the text, then the slots by name.
///
/// variables, n_variables: take the list and its length. The list is the session's, until
/// brolga_session_variables is called again or the session is freed.
///
/// Errors: what the compiler or the machine refuses where initial values are made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_variables(
    session: *mut Session,
    variables: *mut *const Tensor,
    n_variables: *mut usize,
) -> Status {
    let body = |session: &mut Session| {
        session.initialise()?;
        let module = session.graph.module().clone();
        let all = session.session.variables();
        let mut all: Vec<_> =
            all.map(|(name, of, value)| (name.clone(), kind(of), value.tensor_type())).collect();
        all.sort_by_cached_key(|(name, ..)| {
            (module.variables.get_index_of(name).unwrap_or(usize::MAX), name.clone())
        });
        let all = all.iter().map(|(name, kind, t)| (&**name, *kind, t.clone()));
        session.listed_variables = Tensors::new(all);
        // SAFETY: as all functions here.
        unsafe {
            give(&session.listed_variables, (variables, "variables"), (n_variables, "n_variables"))
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Copies the value of a variable into memory of the caller's.
///
/// dtype, n_elements: the element type and the number of elements that the memory is for.
/// data: takes the elements, row after row.
///
/// Errors: a name that no variable with a value has (E0704); a variable of another type or number
/// of elements (E0706). Nothing is copied then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_read(
    session: *mut Session,
    name: *const c_char,
    dtype: Dtype,
    data: *mut c_void,
    n_elements: usize,
) -> Status {
    let body = |session: &mut Session| {
        session.initialise()?;
        // SAFETY: as all functions here.
        unsafe {
            let name = text(name, "name")?;
            let mut given = session.session.variables().filter(|(other, ..)| ***other == *name);
            let value =
                session.session.variable(name).or_else(|| given.next().map(|found| found.2));
            let value = value.ok_or_else(|| {
                unknown(&format!("no variable `{name}` has a value"), &session.names())
            })?;
            copy((name, &value), dtype, (data, n_elements))
        }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Gives variables other values: all of these, or none of them after an error.
///
/// values: a tensor for each variable, of its type; NULL if n_values is 0. They are not changed,
/// and not needed after the call.
///
/// Errors: a name that is no variable's (E0704); a tensor of another type than its variable
/// (E0661).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_write(
    session: *mut Session,
    values: *const Array,
    n_values: usize,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        let values = unsafe { arrays(list(values, n_values, "values")?, "values") }?;
        let module = session.graph.module().clone();
        let slots = match values.keys().all(|name| module.variables.contains_key(name)) {
            true => vec![],
            false => session.run(|session| session.slots())?,
        };
        let known = module.variables.keys().chain(&slots);
        if let Some(name) = values.keys().find(|name| known.clone().all(|other| other != *name)) {
            let known: Vec<String> = known.map(|name| name.to_string()).collect();
            return Err(unknown(&format!("there is no variable `{name}`"), &known));
        }
        session.run(|session| session.set_variables(values)).map(drop)
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Writes the variables that have a value and the clock into a file (.safetensors), as the
/// command's `--save` does. A file that is there is replaced as a whole, or not at all after an
/// error.
///
/// Errors: a file that cannot be written (E0618).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_save(session: *mut Session, path: *const c_char) -> Status {
    let body = |session: &mut Session| {
        session.initialise()?;
        // SAFETY: as all functions here.
        let path = unsafe { text(path, "path") }?;
        session.run(|session| session.save(path))
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}

/// Takes variables and clock over from a file (.safetensors) that brolga_session_save or the
/// command's `--save` wrote, or from any other of named tensors.
///
/// loaded: NULL if the file is to be one of this graph: every param and state has a value in it,
/// and every tensor is a variable's or an optimiser's (E0637). Otherwise it takes what has become
/// of the tensors, and what does not fit by name is left out; after an error its lists are empty.
///
/// Errors: a file that cannot be read (E0603, E0604); a tensor of another type than its variable
/// (E0661). Nothing is taken then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_session_load(
    session: *mut Session,
    path: *const c_char,
    loaded: *mut Loaded,
) -> Status {
    let body = |session: &mut Session| {
        // SAFETY: as all functions here.
        let path = unsafe { text(path, "path") }?;
        if loaded.is_null() {
            return session.run(|session| session.load_whole(path));
        }
        // Before it is loaded: nobody is to read what was never written there.
        // SAFETY: as all functions here.
        unsafe { put(loaded, Loaded::NONE, "loaded") }?;
        let store::Loaded { matched, missing, unknown } =
            session.run(|session| session.load(path))?;
        session.loaded = [matched, missing, unknown].map(|names| Names::new(&names));
        let [matched, missing, unknown] = session.loaded.each_ref().map(Names::members);
        let lists = Loaded {
            matched: matched.as_ptr(),
            n_matched: matched.len(),
            missing: missing.as_ptr(),
            n_missing: missing.len(),
            unknown: unknown.as_ptr(),
            n_unknown: unknown.len(),
        };
        // SAFETY: as above.
        unsafe { put(loaded, lists, "loaded") }
    };
    // SAFETY: as all functions here.
    unsafe { with(session, body) }
}
