//! A session as a program uses it: calls on arrays, and its variables in files.

use std::path::Path;

use brolga_compiler::ir::{Binding, Literal, Name};
use brolga_compiler::optimizer::SLOTS;
use indexmap::IndexMap;

use super::{Clock, Entry, Results, Session};
use crate::RunError;
use crate::checkpoint::Checkpoint;
use crate::data::{DataError, feed_whole};
use crate::store::Loaded;

impl Session {
    /// Feeds, runs and reads one call, whose batch has the number 0. Dimensions that `given` does not
    /// say are those of the arrays, which may be of any type that becomes the input's without loss.
    /// The clock is left alone.
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Literal, Name, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "input x: f32[n]\nh = x * 2\noutput y = h + 1\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let x = Literal::from_vec(&[2], vec![1f32, 2.]).ok_or("two elements")?;
    /// let feeds = [(Name::from("x"), x)].into_iter().collect();
    /// // Whatever has a name can be fetched.
    /// let entry = Entry::Run { fetch: vec!["h".into()] };
    /// let results = session.run(&entry, &Binding::default(), &feeds)?;
    /// assert_eq!(results.outputs["h"].to_string(), "[2.0, 4.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::prepare`]; an array that is missing, unknown or does not fit, such as an
    /// index out of range. The variables are as before then.
    pub fn run(
        &mut self,
        entry: &Entry,
        given: &Binding,
        feeds: &IndexMap<Name, Literal>,
    ) -> Result<Results, RunError> {
        self.call(entry, given, feeds, 0)
    }

    /// Computes every output, with the dimensions of the arrays.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "input x: f32[n]\noutput y = x * 2\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let x = Literal::from_vec(&[2], vec![1f32, 2.]).ok_or("two elements")?;
    /// assert_eq!(session.outputs([("x", x)])?["y"].to_string(), "[2.0, 4.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn outputs<'a>(
        &mut self,
        feeds: impl IntoIterator<Item = (&'a str, Literal)>,
    ) -> Result<IndexMap<Name, Literal>, RunError> {
        let entry = Entry::Run { fetch: vec![] };
        Ok(self.call(&entry, &Binding::default(), &named(feeds), 0)?.outputs)
    }

    /// Trains on one batch, with the dimensions of the arrays, and counts it. The results are the
    /// losses and metrics of this batch.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Session, SessionOptions};
    ///
    /// let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.5)\n";
    /// let graph = Graph::from_text("w.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let x = Literal::from_vec(&[2], vec![1f32, 3.]).ok_or("two elements")?;
    /// assert_eq!(session.step([("x", x)])?.metrics["loss"].to_string(), "6.0");
    /// assert_eq!(session.variable("w").ok_or("it was trained")?.to_string(), "2.0");
    /// assert_eq!(session.clock().step, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::run`]; the batch is not counted then.
    pub fn step<'a>(
        &mut self,
        feeds: impl IntoIterator<Item = (&'a str, Literal)>,
    ) -> Result<Results, RunError> {
        self.step_with(&Binding::default(), &named(feeds))
    }

    /// The same, with numbers for dimensions that the arrays do not say.
    ///
    /// ```
    /// use brolga::{Binding, Graph, Session, SessionOptions};
    ///
    /// // `n` is in what is computed, but no array that is fed says it.
    /// let text = "input x: f32[n]\nparam w: f32 = 3\n\
    ///     minimize w * sum(ones([n])) with sgd(lr=0.5)\n";
    /// let graph = Graph::from_text("w.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step_with(&Binding::from_iter([("n", 4)]), &Default::default())?;
    /// assert_eq!(session.variable("w").ok_or("it was trained")?.to_string(), "1.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::step`].
    pub fn step_with(
        &mut self,
        given: &Binding,
        feeds: &IndexMap<Name, Literal>,
    ) -> Result<Results, RunError> {
        let clock = self.clock();
        let results = self.call(&Entry::Train, given, feeds, clock.step)?;
        self.set_clock(Clock { step: clock.step + 1, ..clock });
        Ok(results)
    }

    fn call(
        &mut self,
        entry: &Entry,
        given: &Binding,
        feeds: &IndexMap<Name, Literal>,
        batch: i64,
    ) -> Result<Results, RunError> {
        let graphs = [&self.module().train, &self.module().infer];
        let is_input = |name: &Name| {
            graphs.iter().any(|graph| graph.inputs.iter().any(|&i| graph.node(i).name == *name))
        };
        if let Some(unknown) = feeds.keys().find(|name| !is_input(name)) {
            return Err(RunError::UnknownInput(unknown.clone()));
        }
        let inputs = self.data_inputs(entry, given, false)?;
        let arrays: Vec<(String, Literal)> =
            feeds.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let fed = feed_whole(&inputs, &arrays, given)?;
        let names = inputs.into_iter().map(|(name, _)| Name::from(name));
        let values = names.zip(fed.values).collect();
        let mut prepared = self.prepare(entry, &fed.binding)?;
        prepared.feed_all(&values)?;
        prepared.run_whole(batch)?;
        prepared.results()
    }

    /// Writes the variables that have a value, the optimisers' among them, and the clock into a file
    /// (`.safetensors`), as the command's `--save` does.
    ///
    /// ```
    /// use brolga::{Checkpoint, Graph, Session, SessionOptions};
    /// # let name = format!("session-save-{}.safetensors", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// session.save(&path)?;
    /// let file = Checkpoint::load(&path)?;
    /// assert_eq!((file.variables[0].0.as_str(), file.step), ("w", 1));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be written; it stays as it was then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RunError> {
        let variables = self.variables().map(|(name, _, value)| (name.to_string(), value));
        let Clock { step, epoch } = self.clock();
        let variables = variables.collect();
        Ok(Checkpoint { variables, step, epoch, ..Default::default() }.save(path.as_ref())?)
    }

    /// Takes variables and clock over from a file that [`Session::save`] or the command's `--save`
    /// wrote, or from any other of named tensors, and says what became of them.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    /// # let name = format!("session-load-{}.safetensors", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// let mut trained = Session::new(graph.clone(), SessionOptions::default())?;
    /// trained.step([])?;
    /// trained.save(&path)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let loaded = session.load(&path)?;
    /// assert!(loaded.missing.is_empty() && loaded.unknown.is_empty());
    /// assert_eq!(session.clock(), trained.clock());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read; a tensor that has not its variable's type. Then nothing is taken.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<Loaded, RunError> {
        self.take(Checkpoint::load(path.as_ref())?)
    }

    /// The same, but refuses the file of another model: one without a value for a variable, or with a
    /// tensor that is none. Of the optimisers' slots, those are taken that the training has.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    /// # let name = format!("session-whole-{}.safetensors", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    ///
    /// let session = |text| -> Result<Session, brolga::Error> {
    ///     let graph = Graph::from_text("w.graph", text)?;
    ///     Ok(Session::new(graph, SessionOptions::default())?)
    /// };
    /// let mut trained = session("param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// trained.step([])?;
    /// trained.save(&path)?;
    /// let mut other = session("param v: f32 = 3\noutput v\n")?;
    /// assert_eq!(other.load_whole(&path).err().ok_or("it has no `v`")?.code(), "E0637");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::load`]; a file of another model. Then nothing is taken.
    pub fn load_whole(&mut self, path: impl AsRef<Path>) -> Result<(), RunError> {
        let path = path.as_ref();
        let checkpoint = Checkpoint::load(path)?;
        let known = &self.module().variables;
        let has = |name: &Name| checkpoint.variables.iter().any(|(other, _)| **other == **name);
        let missing = known.keys().filter(|name| !has(name)).map(|name| name.to_string());
        let names = checkpoint.variables.iter().map(|(name, _)| name.as_str());
        let unknown = names.filter(|name| !name.starts_with(SLOTS) && !known.contains_key(*name));
        let missing: Vec<String> = missing.collect();
        let unknown: Vec<String> = unknown.map(str::to_string).collect();
        if !(missing.is_empty() && unknown.is_empty()) {
            let path = path.to_path_buf();
            return Err(DataError::OtherVariables { path, missing, unknown }.into());
        }
        self.take(checkpoint).map(drop)
    }

    fn take(&mut self, checkpoint: Checkpoint) -> Result<Loaded, RunError> {
        let Checkpoint { variables, step, epoch, metadata: _ } = checkpoint;
        let values = variables.into_iter().map(|(name, value)| (name.into(), value));
        let loaded = self.set_variables(values.collect())?;
        self.set_clock(Clock { step, epoch });
        Ok(loaded)
    }
}

fn named<'a>(feeds: impl IntoIterator<Item = (&'a str, Literal)>) -> IndexMap<Name, Literal> {
    feeds.into_iter().map(|(name, value)| (name.into(), value)).collect()
}
