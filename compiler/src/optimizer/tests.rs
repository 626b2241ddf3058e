//! Optimisers against their formulas, and the meaning of several steps and updates.

use std::collections::HashMap;

use super::*;
use crate::ir::{
    Binding, DType, Literal, OptimizerArgument, OptimizerCall, ParameterGroup, Provenance,
    TensorType, VariableKind, verify,
};
use crate::ops::{EvalContext, Leaves, Reference, evaluate};
use crate::specialise::specialise;

/// Variables by name, and the clock.
struct Store {
    values: HashMap<String, Literal>,
    step: i64,
}

impl Leaves for Store {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Variable { name, .. } => self.values.get(&**name).cloned(),
            Leaf::Step => Some(Scalar::I64(self.step).into()),
            Leaf::Seed | Leaf::Epoch | Leaf::Batch => Some(Scalar::I64(0).into()),
            Leaf::Input { .. } | Leaf::Constant(_) | Leaf::Dim { .. } | Leaf::Parameter { .. } => {
                None
            }
        }
    }
}

fn numbers(values: &[f64]) -> Literal {
    Literal::from_vec(&[values.len()], values.to_vec()).expect("a vector")
}

fn floats(x: &Literal) -> Vec<f64> {
    x.scalars().map(Scalar::to_f64).collect()
}

/// A module whose params are vectors of two f64, under construction.
struct Maker {
    module: Module,
    store: Store,
}

impl Maker {
    fn new() -> Maker {
        let store = Store { values: HashMap::new(), step: 0 };
        Maker { module: Module::default(), store }
    }

    fn param(&mut self, name: &str, value: &[f64]) -> NodeId {
        self.param_of(DType::F64, name, value)
    }

    fn param_of(&mut self, dtype: DType, name: &str, value: &[f64]) -> NodeId {
        let tensor_type = TensorType::of_sizes(dtype, &[value.len()]);
        let bits =
            |x: &f64| Scalar::F64(*x).cast(dtype).bits().to_le_bytes()[..dtype.size()].to_vec();
        let bytes: Vec<u8> = value.iter().flat_map(bits).collect();
        let value = Literal::from_bytes(dtype, &[value.len()], &bytes).expect("a vector");
        let mut initial = Graph::default();
        let constant = Leaf::constant(value.clone());
        let constant = initial.add(constant, &[], &Origin::default()).expect("a leaf");
        initial.outputs.push(("initial".into(), constant));
        let name: Name = name.into();
        let variable = Variable {
            kind: VariableKind::Param,
            tensor_type: tensor_type.clone(),
            initial,
            provenance: Provenance::default(),
        };
        self.module.variables.insert(name.clone(), variable);
        self.store.values.insert(name.to_string(), value);
        let leaf = Leaf::Variable { name: name.clone(), tensor_type };
        let origin = Origin::named(&name, Provenance::default());
        self.module.train.add(leaf, &[], &origin).expect("a leaf")
    }

    fn build<R>(&mut self, f: impl FnOnce(&mut Build<'_>) -> Result<R, TypeError>) -> R {
        let origin = Origin::default();
        f(&mut Build { graph: &mut self.module.train, origin: &origin }).expect("the types fit")
    }

    /// `sum(x²) / 2`, whose gradient is `x`.
    fn half_square(&mut self, x: NodeId) -> NodeId {
        self.build(|b| {
            let square = b.square(x)?;
            let sum = b.sum(square, &[0], false)?;
            b.scale(sum, 0.5)
        })
    }

    fn minimize(&mut self, name: &str, loss: NodeId, over: &[&str], call: (&str, Arguments<'_>)) {
        let arguments = call.1.iter().map(|(n, a)| (Name::from(*n), a.clone())).collect();
        let optimizer = OptimizerCall { name: call.0.into(), arguments };
        let variables = over.iter().map(|&n| n.into()).collect();
        self.module.train.steps.push(TrainingStep {
            name: name.into(),
            loss,
            groups: vec![ParameterGroup { variables, optimizer }],
            every: 1,
            accumulate: 1,
            provenance: Provenance::default(),
        });
    }

    /// Runs `n` batches; returns the metrics of the last.
    fn train(&mut self, n: usize) -> Vec<(String, f64)> {
        self.store.values.retain(|name, _| !name.starts_with("optimizer."));
        self.train_more(n)
    }

    /// Runs `n` batches with the slots as they are.
    fn train_more(&mut self, n: usize) -> Vec<(String, f64)> {
        let (graph, slots) = add_training(&self.module).expect("the steps are right");
        verify(&graph, "add_training").expect("training graphs are well formed");
        let graph = specialise(&graph, &Binding::default()).expect("no symbols");
        for (name, slot) in &slots {
            let initial = specialise(&slot.initial, &Binding::default()).expect("no symbols");
            let cx = EvalContext::new(&(), &Reference);
            let value = evaluate(&initial, &cx, &[initial.outputs[0].1]).expect("constants");
            self.store.values.entry(name.to_string()).or_insert_with(|| value[0].clone());
        }
        let mut metrics = vec![];
        for _ in 0..n {
            let mut wanted: Vec<NodeId> = graph.updates.iter().map(|u| u.value).collect();
            wanted.extend(graph.metrics.iter().flat_map(|m| m.kind.nodes()));
            let cx = EvalContext::new(&self.store, &Reference);
            let mut values = evaluate(&graph, &cx, &wanted).expect("no data");
            let reported = values.split_off(graph.updates.len());
            for (update, value) in graph.updates.iter().zip(values) {
                self.store.values.insert(update.variable.to_string(), value);
            }
            let names = graph.metrics.iter().map(|m| m.name.to_string());
            metrics = names.zip(reported.iter().map(|v| floats(v)[0])).collect();
            self.store.step += 1;
        }
        metrics
    }

    fn value(&self, name: &str) -> Vec<f64> {
        floats(&self.store.values[name])
    }
}

type Arguments<'a> = &'a [(&'a str, OptimizerArgument)];

fn number(x: f64) -> OptimizerArgument {
    OptimizerArgument::Number(x)
}

fn close(got: &[f64], want: &[f64]) {
    let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12 * (1.0 + b.abs());
    let all = got.len() == want.len() && got.iter().zip(want).all(same);
    assert!(all, "{got:?} is not {want:?}");
}

/// The param after `n` batches of minimising `sum(w²) / 2` from `[1, -2]`.
fn trained(optimizer: &str, arguments: Arguments<'_>, n: usize) -> Vec<f64> {
    let mut maker = Maker::new();
    let w = maker.param("w", &[1.0, -2.0]);
    let loss = maker.half_square(w);
    maker.minimize("minimize", loss, &["w"], (optimizer, arguments));
    maker.train(n);
    maker.value("w")
}

/// The same by a scalar formula: `f(w, g, t)` for each element, `t` from 1.
fn by_hand(n: usize, mut make: impl FnMut() -> Box<dyn FnMut(f64, f64, i32) -> f64>) -> Vec<f64> {
    let element = |first: f64| {
        let mut f = make();
        (1..=n as i32).fold(first, |w, t| f(w, w, t))
    };
    [1.0, -2.0].map(element).to_vec()
}

#[test]
fn sgd() {
    close(&trained("sgd", &[], 3), &by_hand(3, || Box::new(|w, g, _| w - 0.01 * g)));
    let momentum = |nesterov: bool| {
        move || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
            let mut m = 0.0;
            Box::new(move |w, g, _| {
                m = 0.9 * m - 0.1 * g;
                if nesterov { w + 0.9 * m - 0.1 * g } else { w + m }
            })
        }
    };
    let arguments = [("lr", number(0.1)), ("momentum", number(0.9))];
    close(&trained("sgd", &arguments, 4), &by_hand(4, momentum(false)));
    let nesterov = [&arguments[..], &[("nesterov", OptimizerArgument::Bool(true))]].concat();
    close(&trained("sgd", &nesterov, 4), &by_hand(4, momentum(true)));
    let decay = [("lr", number(0.1)), ("weight_decay", number(0.5))];
    close(&trained("sgd", &decay, 3), &by_hand(3, || Box::new(|w, g, _| w - w * 0.05 - 0.1 * g)));
}

fn adam_by_hand(decay: f64, amsgrad: bool) -> impl FnMut() -> Box<dyn FnMut(f64, f64, i32) -> f64> {
    move || {
        let (mut m, mut v, mut largest) = (0.0, 0.0, 0.0f64);
        Box::new(move |w, g, t| {
            m += (g - m) * (1.0 - 0.9);
            v += (g * g - v) * (1.0 - 0.999);
            largest = largest.max(v);
            let rate = 1e-3 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
            let v = if amsgrad { largest } else { v };
            w - w * decay * 1e-3 - rate * m / (v.sqrt() + 1e-7)
        })
    }
}

#[test]
fn adam() {
    close(&trained("adam", &[], 20), &by_hand(20, adam_by_hand(0.0, false)));
    close(&trained("adamw", &[], 20), &by_hand(20, adam_by_hand(0.004, false)));
    let amsgrad = [("amsgrad", OptimizerArgument::Bool(true))];
    close(&trained("adam", &amsgrad, 20), &by_hand(20, adam_by_hand(0.0, true)));
}

#[test]
fn rmsprop() {
    let plain = || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
        let mut v = 0.0;
        Box::new(move |w, g, _| {
            v = 0.9 * v + 0.1 * g * g;
            w - 1e-3 * g / f64::sqrt(v + 1e-7)
        })
    };
    close(&trained("rmsprop", &[], 20), &by_hand(20, plain));
    let centered = || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
        let (mut q, mut a, mut m) = (0.0, 0.0, 0.0);
        Box::new(move |w, g, _| {
            q = 0.8 * q + 0.2 * g * g;
            a = 0.8 * a + 0.2 * g;
            m = 0.5 * m + 0.01 * g / f64::sqrt(q - a * a + 0.1);
            w - m
        })
    };
    let arguments = [
        ("lr", number(0.01)),
        ("rho", number(0.8)),
        ("momentum", number(0.5)),
        ("eps", number(0.1)),
        ("centered", OptimizerArgument::Bool(true)),
    ];
    close(&trained("rmsprop", &arguments, 20), &by_hand(20, centered));
}

#[test]
fn adagrad_and_adadelta() {
    let adagrad = || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
        let mut v = 0.5;
        Box::new(move |w, g, _| {
            v += g * g;
            w - 0.1 * g / f64::sqrt(v + 1e-7)
        })
    };
    let arguments = [("lr", number(0.1)), ("initial", number(0.5))];
    close(&trained("adagrad", &arguments, 20), &by_hand(20, adagrad));
    let adadelta = || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
        let (mut v, mut u) = (0.0, 0.0);
        Box::new(move |w, g, _| {
            v = 0.95 * v + 0.05 * g * g;
            let d = g * f64::sqrt(u + 1e-7) / f64::sqrt(v + 1e-7);
            u = 0.95 * u + 0.05 * d * d;
            w - d
        })
    };
    close(&trained("adadelta", &[("lr", number(1.0))], 20), &by_hand(20, adadelta));
}

#[test]
fn lion() {
    let by_sign = || -> Box<dyn FnMut(f64, f64, i32) -> f64> {
        let mut m = 0.0;
        Box::new(move |w, g, _| {
            let direction: f64 = 0.9 * m + 0.1 * g;
            m = 0.99 * m + 0.01 * g;
            let sign = if direction == 0.0 { 0.0 } else { direction.signum() };
            w - 0.3 * sign
        })
    };
    close(&trained("lion", &[("lr", number(0.3))], 20), &by_hand(20, by_sign));
}

#[test]
fn lamb_steps_as_far_as_the_param_is_long() {
    // The first step of adam has the gradient's signs alone: [1, -1], whose norm is √2.
    let arguments = [("lr", number(0.1)), ("eps", number(0.0))];
    let step = 0.1 * 5f64.sqrt() / 2f64.sqrt();
    close(&trained("lamb", &arguments, 1), &[1.0 - step, -2.0 + step]);
    let mut zero = Maker::new();
    let w = zero.param("w", &[0.0, 0.0]);
    let loss = zero.build(|b| b.sum(w, &[0], false));
    zero.minimize("minimize", loss, &["w"], ("lamb", &arguments));
    zero.train(1);
    close(&zero.value("w"), &[-0.1, -0.1]);
}

#[test]
fn corrections_are_exact_to_seven_digits() {
    // Of a gradient that stays the same, the corrected means are the gradient and its square: each
    // update is the learning rate. (So m and v of f32 are within some roundings of theirs.)
    let mut maker = Maker::new();
    let w = maker.param_of(DType::F32, "w", &[0.0, 0.0]);
    let loss = maker.build(|b| {
        let scale = b.scalar(Scalar::F32(-0.25))?;
        let scaled = b.mul(w, scale)?;
        b.sum(scaled, &[0], false)
    });
    let arguments = [("lr", number(1.0)), ("eps", number(0.0))];
    maker.minimize("minimize", loss, &["w"], ("adam", &arguments));
    maker.train(1);
    let first = maker.value("w")[0];
    assert!((first - 1.0).abs() < 5e-7, "{first}");
    maker.train_more(999);
    let all = maker.value("w")[0];
    assert!((all / 1000.0 - 1.0).abs() < 2e-6, "{all}");
}

#[test]
fn gradients_of_any_size_are_clipped() {
    for (dtype, exponents) in
        [(DType::F32, [-44, -30, 0, 20, 37]), (DType::F64, [-320, -200, 0, 160, 307])]
    {
        for exponent in exponents {
            let size: f64 = format!("1e{exponent}").parse().expect("a number");
            let mut maker = Maker::new();
            let w = maker.param_of(dtype, "w", &[0.0, 0.0]);
            let slope = Literal::from_vec(&[2], vec![3.0 * size, 4.0 * size]).expect("a vector");
            let loss = maker.build(|b| {
                let slope = b.node(Leaf::constant(slope), &[])?;
                let slope = b.cast(slope, dtype)?;
                let scaled = b.mul(w, slope)?;
                b.sum(scaled, &[0], false)
            });
            let limit = if exponent < 0 { 2.0 * size } else { 2.0 };
            let arguments = [("lr", number(1.0)), ("clip_norm", number(limit))];
            maker.minimize("minimize", loss, &["w"], ("sgd", &arguments));
            maker.train(1);
            let w = maker.value("w");
            // Numbers below the normal ones have few digits.
            let tolerance = if [-44, -320].contains(&exponent) { 0.3 } else { 1e-6 };
            for (w, share) in w.into_iter().zip([-0.6, -0.8]) {
                let ratio = w / (limit * share);
                assert!((ratio - 1.0).abs() < tolerance, "{dtype} 1e{exponent}: {ratio}");
            }
        }
    }
}

#[test]
fn an_infinite_gradient_is_seen() {
    for wrong in [f64::INFINITY, f64::NAN] {
        let mut maker = Maker::new();
        let w = maker.param("w", &[0.0, 0.0]);
        let slope = numbers(&[1.0, wrong]);
        let loss = maker.build(|b| {
            let slope = b.node(Leaf::constant(slope), &[])?;
            let scaled = b.mul(w, slope)?;
            b.sum(scaled, &[0], false)
        });
        maker.minimize("minimize", loss, &["w"], ("sgd", &[("clip_norm", number(1.0))]));
        maker.train(1);
        assert!(maker.value("w").iter().all(|w| w.is_nan()), "{wrong}");
    }
}

#[test]
fn clipping_and_running_means() {
    let norm = 5f64.sqrt();
    let clipped = [("lr", number(0.1)), ("clip_norm", number(1.0))];
    close(&trained("sgd", &clipped, 1), &[1.0 - 0.1 / norm, -2.0 + 0.2 / norm]);
    let loose = [("lr", number(0.1)), ("clip_norm", number(3.0))];
    close(&trained("sgd", &loose, 1), &[0.9, -1.8]);
    let by_value = [("lr", number(0.1)), ("clip_value", number(0.5))];
    close(&trained("sgd", &by_value, 1), &[0.95, -1.95]);
    let mut maker = Maker::new();
    let w = maker.param("w", &[1.0, -2.0]);
    let loss = maker.half_square(w);
    let arguments = [("lr", number(0.1)), ("ema", number(0.75))];
    maker.minimize("minimize", loss, &["w"], ("sgd", &arguments));
    maker.train(1);
    close(&maker.value("optimizer.minimize.ema.w"), &[0.9, -1.8]);
    maker.train_more(1);
    close(&maker.value("optimizer.minimize.ema.w"), &[0.8775, -1.755]);
}

#[test]
fn a_later_step_reads_what_the_earlier_wrote() {
    let mut maker = Maker::new();
    let (a, b) = (maker.param("a", &[1.0, 2.0]), maker.param("b", &[3.0, 4.0]));
    // The first moves a by -b, the second b by -a as it is then, and a again by -b.
    let product = maker.build(|g| {
        let ab = g.mul(a, b)?;
        g.sum(ab, &[0], false)
    });
    let lr: Arguments<'_> = &[("lr", number(1.0))];
    maker.minimize("first", product, &["a"], ("sgd", lr));
    maker.minimize("second", product, &["a", "b"], ("sgd", lr));
    maker.module.train.metrics.push(Metric { name: "old".into(), kind: MetricKind::Mean(product) });
    let metrics = maker.train(1);
    // After the first step a is [-2, -2]; then a loses b and b loses a.
    close(&maker.value("a"), &[-5.0, -6.0]);
    close(&maker.value("b"), &[5.0, 6.0]);
    let want = [("loss", -3.0), ("first.loss", 11.0), ("second.loss", -14.0), ("old", 11.0)];
    let want: Vec<(String, f64)> = want.iter().map(|(n, x)| (n.to_string(), *x)).collect();
    assert_eq!(metrics, want);
}

#[test]
fn a_step_can_rest() {
    let mut maker = Maker::new();
    let w = maker.param("w", &[1.0, -2.0]);
    let loss = maker.half_square(w);
    let arguments = [("lr", number(0.5)), ("momentum", number(0.5))];
    maker.minimize("minimize", loss, &["w"], ("sgd", &arguments));
    maker.module.train.steps[0].every = 3;
    maker.train(3);
    close(&maker.value("w"), &[0.5, -1.0]);
    close(&maker.value("optimizer.minimize.m.w"), &[-0.5, 1.0]);
    let mut adam = Maker::new();
    let w = adam.param("w", &[1.0, -2.0]);
    let loss = adam.half_square(w);
    adam.minimize("minimize", loss, &["w"], ("adam", &[]));
    adam.module.train.steps[0].every = 3;
    adam.train(7);
    close(&adam.value("w"), &by_hand(3, adam_by_hand(0.0, false)));
}

/// After `n` batches whose gradients are 1, -2 at first and whose means over `accumulate` of them make
/// an update, so that they stay for so many.
fn accumulated(optimizer: &str, arguments: Arguments<'_>, (n, accumulate): (usize, u64)) -> Maker {
    let mut maker = Maker::new();
    let w = maker.param("w", &[1.0, -2.0]);
    let loss = maker.half_square(w);
    maker.minimize("minimize", loss, &["w"], (optimizer, arguments));
    let batches = accumulate.try_into().expect("not 0");
    maker.module.accumulate(batches);
    maker.train(n);
    maker
}

#[test]
fn an_update_is_made_of_the_mean_of_several_gradients() {
    let arguments = [("lr", number(0.1)), ("momentum", number(0.9)), ("ema", number(0.5))];
    for (optimizer, arguments) in [("sgd", &arguments[..]), ("adam", &[]), ("lamb", &[])] {
        let some = accumulated(optimizer, arguments, (11, 3));
        let updates = accumulated(optimizer, arguments, (3, 1));
        for (name, value) in &updates.store.values {
            close(&some.value(name), &floats(value));
        }
        // The gradients of two batches wait.
        let [w0, w1] = [0, 1].map(|i| some.value("w")[i]);
        close(&some.value("optimizer.minimize.gradient.w"), &[2.0 * w0, 2.0 * w1]);
        assert_eq!(some.value("optimizer.minimize.accumulated"), [2.0]);
    }
}

#[test]
fn gradients_are_added_up_where_a_step_runs() {
    let mut maker = Maker::new();
    let w = maker.param("w", &[1.0, -2.0]);
    let loss = maker.half_square(w);
    maker.minimize("minimize", loss, &["w"], ("sgd", &[("lr", number(0.5))]));
    maker.module.train.steps[0].every = 3;
    maker.module.accumulate(2.try_into().expect("not 0"));
    maker.train(3);
    close(&maker.value("w"), &[1.0, -2.0]);
    // The second of the step's batches is the fourth, the next two update nothing.
    maker.train(6);
    close(&maker.value("w"), &[0.5, -1.0]);
}

#[test]
fn what_was_added_up_with_another_number_counts() {
    let sgd: Arguments<'_> = &[("lr", number(0.5))];
    let mut maker = accumulated("sgd", sgd, (3, 4));
    maker.module.accumulate(2.try_into().expect("not 0"));
    // The mean of four.
    maker.train_more(1);
    close(&maker.value("w"), &[0.5, -1.0]);
    assert_eq!(maker.value("optimizer.minimize.accumulated"), [0.0]);
    maker.train_more(2);
    close(&maker.value("w"), &[0.25, -0.5]);
}

#[test]
fn updates_read_first_and_then_write() {
    let mut maker = Maker::new();
    let (v, w) = (maker.param("v", &[1.0, 1.0]), maker.param("w", &[10.0, 20.0]));
    let (doubled, less, clipped) = maker.build(|b| {
        let doubled = b.scale(v, 2.0)?;
        // Reads the old v, and of w what the step has written.
        let pending = b.node(Control::Pending, &[w])?;
        let less = b.sub(pending, v)?;
        let pending = b.node(Control::Pending, &[w])?;
        let limit = b.constant_like(w, 6.0)?;
        Ok((doubled, less, b.binary(BinaryFn::Min, pending, limit)?))
    });
    let loss = maker.half_square(w);
    maker.minimize("minimize", loss, &["w"], ("sgd", &[("lr", number(0.5))]));
    for (variable, value) in [("v", doubled), ("w", less), ("w", clipped)] {
        maker.module.train.updates.push(Update { variable: variable.into(), value });
    }
    maker.train(1);
    close(&maker.value("v"), &[2.0, 2.0]);
    close(&maker.value("w"), &[4.0, 6.0]);
}

#[test]
fn a_swap_swaps() {
    let mut maker = Maker::new();
    let (a, b) = (maker.param("a", &[1.0]), maker.param("b", &[2.0]));
    for (variable, value) in [("a", b), ("b", a)] {
        maker.module.train.updates.push(Update { variable: variable.into(), value });
    }
    maker.train(1);
    assert_eq!((maker.value("a"), maker.value("b")), (vec![2.0], vec![1.0]));
}

#[test]
fn what_an_optimiser_does_not_know_is_an_error() {
    let refused = |optimizer: &str, arguments: Arguments<'_>| {
        let mut maker = Maker::new();
        let w = maker.param("w", &[1.0, -2.0]);
        let loss = maker.half_square(w);
        maker.minimize("minimize", loss, &["w"], (optimizer, arguments));
        add_training(&maker.module).map(|_| ()).expect_err("it is refused").message
    };
    assert_eq!(refused("adan", &[]), "there is no optimiser `adan`");
    assert_eq!(refused("sgd", &[("beta1", number(0.9))]), "`sgd` has no argument `beta1`");
    assert_eq!(
        refused("sgd", &[("nesterov", number(1.0))]),
        "`sgd`: `nesterov` must be true or false"
    );
    assert_eq!(refused("lion", &[("eps", number(1.0))]), "`lion` has no argument `eps`");
    let both = [("clip_norm", number(1.0)), ("clip_value", number(1.0))];
    assert_eq!(refused("sgd", &both), "`sgd`: give `clip_norm` or `clip_value`, not both");
}
