//! What the parts of a turn throw: kept until their caller takes it. Without the standard library
//! nothing unwinds.

#[cfg(any(feature = "std", test))]
pub(super) use unwinding::{Payload, Thrown, caught, keep_first, resume};

#[cfg(not(any(feature = "std", test)))]
pub(super) use aborting::{Payload, Thrown, caught, keep_first, resume};

#[cfg(any(feature = "std", test))]
mod unwinding {
    use std::any::Any;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::{Mutex, PoisonError};

    /// What is thrown.
    pub(in super::super) type Payload = Box<dyn Any + Send>;

    /// What the first part that threw has thrown.
    #[derive(Default)]
    pub(in super::super) struct Thrown(Mutex<Option<Payload>>);

    impl Thrown {
        pub(in super::super) fn keep(&self, payload: Payload) {
            keep_first(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), payload);
        }

        pub(in super::super) fn take(&self) -> Option<Payload> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        }
    }

    /// Does some work; returns what it threw.
    pub(in super::super) fn caught(work: impl FnOnce()) -> Result<(), Payload> {
        catch_unwind(AssertUnwindSafe(work))
    }

    /// Throws a payload on.
    pub(in super::super) fn resume(payload: Payload) -> ! {
        resume_unwind(payload)
    }

    /// Keeps a payload if it is the first. Another one is leaked: its destructor is foreign code and
    /// may itself unwind, past a word that then never becomes idle.
    pub(in super::super) fn keep_first(first: &mut Option<Payload>, payload: Payload) {
        match first {
            None => *first = Some(payload),
            Some(_) => std::mem::forget(payload),
        }
    }
}

#[cfg(not(any(feature = "std", test)))]
mod aborting {
    /// Nothing is ever thrown.
    pub(in super::super) type Payload = core::convert::Infallible;

    #[derive(Default)]
    pub(in super::super) struct Thrown;

    impl Thrown {
        pub(in super::super) fn keep(&self, payload: Payload) {
            match payload {}
        }

        pub(in super::super) fn take(&self) -> Option<Payload> {
            None
        }
    }

    pub(in super::super) fn caught(work: impl FnOnce()) -> Result<(), Payload> {
        work();
        Ok(())
    }

    pub(in super::super) fn resume(payload: Payload) -> ! {
        match payload {}
    }

    pub(in super::super) fn keep_first(_: &mut Option<Payload>, payload: Payload) {
        match payload {}
    }
}
