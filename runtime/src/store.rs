//! The variables of a session: what lives between steps.
//!
//! A variable's type is fixed by the first binding that it is used with, and its memory stays where
//! it is from then on.

use brolga_compiler::ir::{
    Binding, Dim, Literal, Module, Name, Scalar, TensorType, Variable, VariableKind,
};
use indexmap::IndexMap;

use crate::RunError;
use crate::arena::{Budget, Memory};
use crate::eager::contiguous;

/// How variables are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// As bytes at fixed addresses, for compiled programs.
    Blocks,
    /// As arrays, for eager mode.
    Arrays,
}

/// The variables by name, in the order of their first use.
#[derive(Debug)]
pub struct Store {
    variables: IndexMap<Name, Stored>,
    /// Loaded for variables whose type is not known yet.
    pending: IndexMap<Name, Literal>,
    keep: Keep,
    budget: Budget,
}

/// A variable with its value.
#[derive(Debug)]
pub struct Stored {
    /// What it is for.
    pub kind: VariableKind,
    /// Its type; every dimension is a number.
    pub tensor_type: TensorType,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Memory(Memory),
    Array(Literal),
}

/// What became of loaded values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The variables that have a loaded value now.
    pub matched: Vec<Name>,
    /// The names that are no variable's.
    pub unknown: Vec<Name>,
    /// The variables (params and states) that nothing was loaded for.
    pub missing: Vec<Name>,
}

impl Store {
    /// An empty store.
    pub fn new(keep: Keep, budget: Budget) -> Store {
        Store { variables: IndexMap::new(), pending: IndexMap::new(), keep, budget }
    }

    /// Whether a variable has a value of the type that its declaration has under `binding`: since an
    /// earlier use, or now that which was loaded for it. If not, [`Store::insert`] gives it one.
    ///
    /// # Errors
    /// If it has another type since its first use, or what was loaded has.
    pub fn bind(
        &mut self,
        name: &Name,
        variable: &Variable,
        binding: &Binding,
    ) -> Result<bool, RunError> {
        let wanted = bound(name, variable, binding)?;
        if let Some(stored) = self.variables.get(name) {
            let bound = &stored.tensor_type;
            return if *bound == wanted {
                Ok(true)
            } else {
                Err(RunError::VariableType { name: name.clone(), bound: bound.clone(), wanted })
            };
        }
        let Some(loaded) = self.pending.shift_remove(name) else { return Ok(false) };
        let loaded = expect_type(name, &wanted, loaded)?;
        self.insert(name, variable.kind, loaded)?;
        Ok(true)
    }

    /// Adds a variable with its value.
    ///
    /// # Errors
    /// If it is too large for the budget.
    pub fn insert(
        &mut self,
        name: &Name,
        kind: VariableKind,
        value: Literal,
    ) -> Result<(), RunError> {
        let tensor_type = value.tensor_type();
        let value = match self.keep {
            Keep::Arrays => Value::Array(contiguous(value)),
            Keep::Blocks => {
                let bytes = value.n_elements() * value.dtype().size();
                let mut block = self.budget.block(bytes, &format!("the variable `{name}`"))?;
                value.write_bytes(&mut block.bytes_mut()[..bytes]);
                Value::Memory(block)
            }
        };
        self.variables.insert(name.clone(), Stored { kind, tensor_type, value });
        Ok(())
    }

    /// Adds a variable whose elements are all `fill`, if variables are kept as bytes.
    ///
    /// # Errors
    /// If it is too large for the budget.
    pub fn fill(
        &mut self,
        name: &Name,
        variable: &Variable,
        binding: &Binding,
        fill: Scalar,
    ) -> Result<bool, RunError> {
        if self.keep == Keep::Arrays {
            return Ok(false);
        }
        let tensor_type = bound(name, variable, binding)?;
        let bytes = tensor_type.n_bytes().unwrap_or(usize::MAX);
        let mut block = self.budget.block(bytes, &format!("the variable `{name}`"))?;
        let element = Literal::scalar(fill).to_bytes();
        // A block comes with zeros.
        if element.iter().any(|&byte| byte != 0) {
            let places = block.bytes_mut()[..bytes].chunks_exact_mut(element.len());
            places.for_each(|place| place.copy_from_slice(&element));
        }
        let value = Value::Memory(block);
        self.variables.insert(name.clone(), Stored { kind: variable.kind, tensor_type, value });
        Ok(true)
    }

    /// The variables by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Stored)> {
        self.variables.iter()
    }

    /// The values that were loaded for variables that were not used yet.
    pub fn given(&self) -> impl Iterator<Item = (&Name, &Literal)> {
        self.pending.iter()
    }

    /// A variable, if it was used already.
    pub fn get(&self, name: &str) -> Option<&Stored> {
        self.variables.get(name)
    }

    /// The memory of a variable, for machine code that takes it to be of this type; it stays there
    /// as long as the store.
    ///
    /// # Errors
    /// If there is none of this type: a bug of who asks.
    pub fn memory(&self, name: &Name, tensor_type: &TensorType) -> Result<&Memory, RunError> {
        match self.variables.get(name) {
            Some(Stored { tensor_type: t, value: Value::Memory(b), .. }) if t == tensor_type => {
                Ok(b)
            }
            Some(_) | None => {
                Err(RunError::Code(format!("the variable `{name}` has no memory as {tensor_type}")))
            }
        }
    }

    /// Gives a variable that was used already a value of its type.
    ///
    /// # Errors
    /// If the types differ.
    pub fn set(&mut self, name: &Name, value: &Literal) -> Result<(), RunError> {
        let Some(stored) = self.variables.get_mut(name) else { return Ok(()) };
        let value = expect_type(name, &stored.tensor_type, value.clone())?;
        match &mut stored.value {
            Value::Array(array) => *array = contiguous(value),
            Value::Memory(block) => {
                let bytes = value.n_elements() * value.dtype().size();
                value.write_bytes(&mut block.bytes_mut()[..bytes]);
            }
        }
        Ok(())
    }

    /// Takes over values by name, among them those of variables that were not used yet, and of
    /// `slots`, the optimisers' variables.
    ///
    /// # Errors
    /// If a value has not the type of its variable; then nothing was taken over.
    pub fn load(
        &mut self,
        values: IndexMap<Name, Literal>,
        module: &Module,
        slots: &IndexMap<Name, Variable>,
    ) -> Result<Loaded, RunError> {
        let declared = |name: &Name| module.variables.get(name).or_else(|| slots.get(name));
        let mut differing = vec![];
        for (name, value) in &values {
            let of_module = declared(name).map(|variable| &variable.tensor_type);
            let of_module = of_module.filter(|declared| !fits(declared, value));
            let stored = self.variables.get(name).map(|stored| &stored.tensor_type);
            let stored = stored.filter(|stored| **stored != value.tensor_type());
            let other = of_module.or(stored).map(|wanted| (wanted.clone(), value.tensor_type()));
            differing.extend(other.map(|(wanted, loaded)| (name.clone(), wanted, loaded)));
        }
        if !differing.is_empty() {
            return Err(RunError::LoadedType { differing });
        }
        let missing = module.variables.keys().filter(|name| !values.contains_key(*name));
        let mut loaded = Loaded { missing: missing.cloned().collect(), ..Loaded::default() };
        for (name, value) in values {
            if declared(&name).is_none() {
                loaded.unknown.push(name);
                continue;
            }
            if self.variables.contains_key(&name) {
                self.set(&name, &value)?;
            } else {
                self.pending.insert(name.clone(), value);
            }
            loaded.matched.push(name);
        }
        Ok(loaded)
    }
}

impl Stored {
    /// The value; a copy, where it is kept as bytes.
    pub fn literal(&self) -> Literal {
        match &self.value {
            Value::Array(literal) => literal.clone(),
            Value::Memory(block) => {
                let sizes = self.tensor_type.sizes().expect("a stored type has only numbers");
                let bytes = self.tensor_type.n_bytes().expect("a stored value fits in memory");
                Literal::from_bytes(self.tensor_type.dtype, &sizes, &block.bytes()[..bytes])
                    .expect("the bytes are those of the type")
            }
        }
    }
}

/// The type that a variable has under a binding.
fn bound(name: &Name, variable: &Variable, binding: &Binding) -> Result<TensorType, RunError> {
    let bound = variable.tensor_type.bind(binding);
    bound.map_err(|error| RunError::Dimension { name: name.clone(), error })
}

/// The value, if it has the type.
fn expect_type(name: &Name, declared: &TensorType, value: Literal) -> Result<Literal, RunError> {
    let loaded = value.tensor_type();
    if loaded == *declared {
        return Ok(value);
    }
    Err(RunError::LoadedType { differing: vec![(name.clone(), declared.clone(), loaded)] })
}

/// Whether a value is of a type whose dimensions may be symbols, which fit any number.
fn fits(declared: &TensorType, value: &Literal) -> bool {
    let loaded = value.tensor_type();
    let fits = |(d, n): (&Dim, &Dim)| d.as_number().is_none_or(|d| n.as_number() == Some(d));
    declared.dtype == loaded.dtype
        && declared.rank() == loaded.rank()
        && declared.shape.iter().zip(&loaded.shape).all(fits)
}
