//! What `program::verify` and `loop_ir::verify` refuse: programs and kernels of the compiler,
//! broken on purpose.

use brolga_compiler::compile::{self, Options, compile, fused, kernels};
use brolga_compiler::entry::Entry;
use brolga_compiler::fuse::FuseOptions;
use brolga_compiler::ir::{Binding, Target};
use brolga_compiler::loop_ir::{self, Kernel, Problem, Stmt, Tile};
use brolga_compiler::lower::Argument;
use brolga_compiler::program::{
    Call, Location, Motion, Move, Phase, Program, ProgramError, Wave, verify,
};

/// Two products side by side, then a loop of waves whose product writes the carry that another call
/// reads, then an order, which needs scratch.
const TEXT: &str = "
input x: f32[8, 16]
input w: f32[16, 16]
a = x @ w
b = x @ transpose(w)
h, e = scan(t in iota(5), h = a) {
    emit tanh(h + b)
    h = h @ w
}
output h
output e
output order = sort(h)
";

fn program() -> Program {
    compiled(TEXT)
}

/// The program of a text, every node of which is a kernel.
fn compiled(text: &str) -> Program {
    let module = brolga_text::load("broken.graph", text.as_bytes(), &Default::default());
    let module = module.expect("a valid text").module;
    let options = Options { fuse: FuseOptions::nothing(), ..Options::default() };
    let entry = Entry::Run { fetch: vec![] };
    let target = &Target::X86_64_V4;
    compile(&module, &entry, &Binding::default(), target, &options).expect("it compiles").program
}

/// The first wave with several calls, in a loop or not.
fn wave(phases: &mut [Phase], in_loop: bool) -> Option<&mut Wave> {
    phases.iter_mut().find_map(|phase| match phase {
        Phase::Wave(wave) => (!in_loop && wave.calls.len() > 1).then_some(wave),
        Phase::Repeat(repeat) => in_loop.then(|| wave(&mut repeat.phases, false)).flatten(),
    })
}

fn call(program: &mut Program, in_loop: bool) -> &mut Call {
    &mut wave(&mut program.phases, in_loop).expect("the text has one").calls[0]
}

/// The number of a buffer that the first call of a wave writes, or that it reads.
fn buffer(program: &mut Program, in_loop: bool, written: bool) -> usize {
    let kernel = call(program, in_loop).kernel;
    let mut buffers = program.kernels[kernel].buffers.iter();
    buffers.position(|b| b.written == written).expect("it has both")
}

fn refused(break_it: impl Fn(&mut Program)) -> ProgramError {
    let mut program = program();
    verify(&program).expect("as it is made it may run");
    break_it(&mut program);
    verify(&program).expect_err("it is broken")
}

#[test]
fn broken_programs_are_refused() {
    use ProgramError::{Conflict, Count, NoLoop, NoNode, OutOfBounds, ReadOnly, Scratch};
    let error = refused(|p| p.arena_bytes -= 64);
    assert!(matches!(error, OutOfBounds { .. }), "{error}");
    let error = refused(|p| p.scratch_bytes = 0);
    assert!(matches!(error, Scratch { found: 0, .. }), "{error}");
    for in_loop in [false, true] {
        let error = refused(|p| {
            call(p, in_loop).arguments.pop();
        });
        assert!(matches!(error, Count { .. }), "{error}");
        let error = refused(|p| {
            call(p, in_loop).nodes.pop();
        });
        assert!(matches!(error, NoNode { .. }), "{error}");
        let error = refused(|p| {
            let written = buffer(p, in_loop, true);
            call(p, in_loop).arguments[written] = Location::Feed(0).into();
        });
        assert!(matches!(error, ReadOnly { .. }), "{error}");
        let error = refused(|p| {
            let read = buffer(p, in_loop, false);
            call(p, in_loop).arguments[read] = Location::Iteration(7).into();
        });
        assert!(matches!(error, NoLoop { depth: 7, .. }), "{error}");
        let error = refused(|p| {
            let motion = Motion::Along { step: 1 << 20 };
            let depth = usize::from(!in_loop);
            call(p, in_loop).arguments[0].moves.push(Move { depth, motion });
        });
        let wanted = if in_loop {
            matches!(error, OutOfBounds { .. })
        } else {
            matches!(error, NoLoop { .. })
        };
        assert!(wanted, "{error}");
        let error = refused(|p| {
            let written = buffer(p, in_loop, true);
            let place = call(p, in_loop).arguments[written].clone();
            let other = &mut wave(&mut p.phases, in_loop).expect("the text has one").calls[1];
            let last = other.arguments.len() - 1;
            other.arguments[last] = place;
        });
        assert!(matches!(error, Conflict { .. }), "{error}");
    }
}

/// A carry that is read by one call of a wave while another writes its next value alternates: the
/// two places never meet, though both reach the same bytes at different times.
#[test]
fn alternating_places_do_not_meet() {
    let text = program().to_string();
    assert!(text.contains("in odd turns of t0") && text.contains("in even turns of t0"), "{text}");
    let error = refused(|p| {
        let mut waves = vec![];
        collect(&mut p.phases, &mut waves);
        for m in waves.into_iter().flat_map(|w| &mut w.calls).flat_map(|c| &mut c.arguments) {
            m.moves.retain(|m| !matches!(m.motion, Motion::Alternate { .. }));
        }
    });
    assert!(matches!(error, ProgramError::Conflict { .. }), "{error}");
}

/// Loops of waves as deep as brackets may be: what is checked does not grow with the turns.
#[test]
fn deep_loops_are_checked() {
    let mut text = "input x: f32[3, 4]\nh0 = zeros([4])\n".to_string();
    for depth in 0..60 {
        let (around, inner) = (depth, depth + 1);
        text.push_str(&format!("r{inner} = scan(t{inner} in x, h{inner} = h{around}) {{\n"));
    }
    text.push_str("h60 = h60 * 0.5 + t1\n");
    for depth in (1..60).rev() {
        text.push_str(&format!("}}\nh{depth} = r{} + t{depth}\n", depth + 1));
    }
    text.push_str("}\noutput r1\n");
    assert!(compiled(&text).n_waves() > 1 << 60);
}

fn collect<'a>(phases: &'a mut [Phase], waves: &mut Vec<&'a mut Wave>) {
    for phase in phases {
        match phase {
            Phase::Wave(wave) => waves.push(wave),
            Phase::Repeat(repeat) => collect(&mut repeat.phases, waves),
        }
    }
}

/// A kernel with stages: what one leaves in a local the next reads, and a product at the end.
const STAGES: &str = "
input x: f32[60, 96]
input w: f32[96, 40]
h = tanh(x - mean(x, axis=1, keepdims=true))
output y = softmax(h) @ w
";

fn kernel_of_stages() -> Kernel {
    let module = brolga_text::load("stages.graph", STAGES.as_bytes(), &Default::default());
    let module = module.expect("a valid text").module;
    let entry = Entry::Run { fetch: vec![] };
    let (target, options) = (&Target::X86_64_V4, Options::default());
    let compiled = compile(&module, &entry, &Binding::default(), target, &options);
    let kernels = compiled.expect("it compiles").program.kernels;
    assert_eq!(kernels.len(), 1);
    kernels.into_iter().next().expect("there is one")
}

/// What `loop_ir::verify` refuses of a kernel that is broken on purpose.
fn wrong(break_it: impl Fn(&mut Kernel)) -> Problem {
    let mut kernel = kernel_of_stages();
    loop_ir::verify(&kernel).expect("as it is made it may run");
    break_it(&mut kernel);
    loop_ir::verify(&kernel).expect_err("it is broken").problem
}

fn tile(kernel: &mut Kernel) -> &mut Tile {
    let tile = kernel.body.iter_mut().find_map(|stmt| match stmt {
        Stmt::Tile(tile) => Some(tile),
        _ => None,
    });
    tile.expect("the text has a product")
}

#[test]
fn broken_kernels_are_refused() {
    // Stages out of order, each before the one whose values it reads.
    let n = kernel_of_stages().body.len();
    let out_of_order = (1..n).filter(|&i| {
        let mut kernel = kernel_of_stages();
        kernel.body.swap(i - 1, i);
        let refused = loop_ir::verify(&kernel).err().map(|e| e.problem);
        matches!(refused, Some(Problem::NotWritten { .. } | Problem::UnboundVar(_)))
    });
    assert!(out_of_order.count() >= 3);
    let problem = wrong(|kernel| {
        let product = kernel.body.pop().expect("the product is last");
        kernel.body.insert(0, product);
    });
    assert!(matches!(problem, Problem::NotWritten { .. }), "{problem}");
    // A stage that leaves some rows out.
    let problem = wrong(|kernel| {
        let one = kernel.exprs.index_constant(1);
        tile(kernel).a.offset = one;
    });
    let left_out = matches!(problem, Problem::NotWritten { .. } | Problem::OutOfBounds { .. });
    assert!(left_out, "{problem}");
    // A factor whose columns are not adjacent.
    let problem = wrong(|kernel| tile(kernel).b.column = 2);
    assert!(matches!(problem, Problem::Columns(2)), "{problem}");
    let problem = wrong(|kernel| tile(kernel).a.column = 2);
    assert!(matches!(problem, Problem::Columns(2)), "{problem}");
    // Rows that shift otherwise than the sum, or beyond it.
    let problem = wrong(|kernel| tile(kernel).within = Some([0, 1]));
    assert!(matches!(problem, Problem::Within([0, 1])), "{problem}");
    let problem = wrong(|kernel| {
        let tile = tile(kernel);
        tile.a.row[0] = tile.a_step[2];
        tile.within = Some([1, 1 << 20]);
    });
    assert!(matches!(problem, Problem::Within(_)), "{problem}");
    // Columns of the left factor that it has not.
    let problem = wrong(|kernel| tile(kernel).a.column = 1);
    let left_out = matches!(problem, Problem::NotWritten { .. } | Problem::OutOfBounds { .. });
    assert!(left_out, "{problem}");
    // One element less than the last block reaches.
    let problem = wrong(|kernel| kernel.buffers[0].len -= 1);
    assert!(matches!(problem, Problem::OutOfBounds { .. }), "{problem}");
}

/// What is scattered is added to zeros, which the unit must have written.
#[test]
fn sums_of_nothing_are_refused() {
    let text = "input v: f32[300, 64]\ninput i: i32[300]\n\
                output y = put_along_axis(broadcast_to(expand_dims(i, 1), [300, 64]), v, 0, 50)";
    let mut kernel = compiled(text).kernels.pop().expect("the sums come last");
    loop_ir::verify(&kernel).expect("as it is made it may run");
    kernel.body.remove(0);
    let error = loop_ir::verify(&kernel).expect_err("it is broken");
    assert!(matches!(error.problem, Problem::NotWritten { .. }), "{error}");
}

#[test]
fn groups_that_need_each_other_are_refused() {
    let text = "input x: f32[8, 8]\na = x @ x\nb = a @ x\noutput c = b @ x";
    let module = brolga_text::load("broken.graph", text.as_bytes(), &Default::default());
    let graph = module.expect("a valid text").module.infer;
    let (target, options) = (&Target::X86_64_V4, Options::default());
    let fusion =
        fused(&graph, target, &Options { fuse: FuseOptions::nothing(), ..options.clone() });
    let (mut lowered, checks) = kernels(&fusion, target, &options, &mut |_, _| {});
    let scheduled = compile::program(&fusion, lowered.clone(), checks.clone(), &options);
    assert_eq!(scheduled.expect("as they are made they have an order").n_waves(), 3);
    // The first reads what the last one makes.
    lowered[0].arguments.push((Argument::Node(graph.outputs[0].1), false));
    let error = compile::program(&fusion, lowered, checks, &options).expect_err("it is broken");
    assert_eq!(error.code, "E0999");
    assert!(error.message.contains("need each other"), "{error}");
}
