//! Loops that run at run time, and are differentiated.

use std::panic::Location;

use brolga_text::TensorRef;

use super::{GraphBuilder, Value, With};

/// What an iteration of a loop ends with.
#[derive(Clone, Default)]
pub struct Turn<'g> {
    /// The next values of the carries, each of the type that it begins with.
    pub next: Vec<Value<'g>>,
    /// What is kept of every iteration.
    pub emitted: Vec<Value<'g>>,
}

impl GraphBuilder {
    /// Walks along the first axis of the sequences, which all have the same length: `body` is given
    /// an element of each and the carries, first as they begin. Returns the last values of the
    /// carries, then all that was emitted, each stacked along the axis. For another axis, or
    /// backwards: `g.with("axis", 1).with("reverse", true).scan(...)`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, Turn};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([1, 2, 3]);
    ///     let results = g.scan(&[x], &[g.constant(0)], |x, sum| {
    ///         let sum = sum[0] + x[0];
    ///         Turn { next: vec![sum], emitted: vec![sum] }
    ///     });
    ///     g.output("last", results[0]);
    ///     g.output("all", results[1]);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["last"].to_string(), "6");
    /// assert_eq!(outputs["all"].to_string(), "[1, 3, 6]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn scan<'g>(
        &'g self,
        sequences: &[Value<'g>],
        carries: &[Value<'g>],
        body: impl FnOnce(&[Value<'g>], &[Value<'g>]) -> Turn<'g>,
    ) -> Vec<Value<'g>> {
        self.plainly().scan(sequences, carries, body)
    }
}

impl<'g> With<'g> {
    /// The same with the arguments `axis` and `reverse`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, Turn};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([1, 2, 3]);
    ///     let results = g.with("reverse", true).scan(&[x], &[g.constant(0)], |x, sum| {
    ///         let sum = sum[0] * 10 + x[0];
    ///         Turn { next: vec![sum], emitted: vec![sum] }
    ///     });
    ///     g.output("last", results[0]);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["last"].to_string(), "321");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn scan(
        &self,
        sequences: &[Value<'g>],
        carries: &[Value<'g>],
        body: impl FnOnce(&[Value<'g>], &[Value<'g>]) -> Turn<'g>,
    ) -> Vec<Value<'g>> {
        let at = Location::caller();
        let tensors = |values: &[Value<'g>]| -> Vec<Option<TensorRef>> {
            values.iter().map(|value| value.tensor()).collect()
        };
        let (walked, carried) = (tensors(sequences), tensors(carries));
        let construction = &self.builder.construction;
        let opened = construction.borrow_mut().open_scan(&walked, &carried, &self.named, at);
        let value = |tensor| Value::new(self.builder, tensor);
        // Where the loop cannot be opened, the body sees values that could not be made.
        let (opened, given) = match opened {
            Some((opened, given)) => (Some(opened), given.into_iter().map(Some).collect()),
            None => (None, vec![None; walked.len() + carried.len()]),
        };
        let given: Vec<Value<'g>> = given.into_iter().map(value).collect();
        let (carried, elements) = given.split_at(carries.len());
        let turn = body(elements, carried);
        let (next, emitted) = (tensors(&turn.next), tensors(&turn.emitted));
        let results = opened
            .and_then(|opened| construction.borrow_mut().close_scan(opened, &next, &emitted, at));
        match results {
            Some(results) => results.into_iter().map(|x| value(Some(x))).collect(),
            None => vec![value(None); next.len() + emitted.len()],
        }
    }
}
