//! Chooses the registers, and which values are in memory instead.
//!
//! Linear scan (Poletto and Sarkar, "Linear scan register allocation", TOPLAS 21(5), 1999): a value
//! has one place for all of its life, from where it is made to where it is read last in the order of
//! the code, and through every loop that it lives through. Where there are too few registers, the
//! values that are used least, counted by loops, go to the stack. A value takes the register of one
//! that ends where it begins if they are to be the same, as those that a loop carries.

use super::inst::{Block, Class, Code, Edge, End, Reg};

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A register, by its number.
    Register(u8),
    /// The stack, so many bytes from its lowest address on.
    Stack(i32),
}

/// Registers that hold values, in the order in which they are taken: first those that no caller
/// keeps. The others are for values that are on the stack, while an instruction runs.
const INTS: [u8; 11] = [6, 7, 8, 9, 10, 11, 3, 12, 13, 14, 15];
pub(super) const SPARE_INTS: [u8; 3] = [0, 1, 2];
const VECTORS: u8 = 28;
pub(super) const SPARE_VECTORS: [u8; 4] = [28, 29, 30, 31];
/// Mask 0 stands for all lanes.
const MASKS: [u8; 4] = [1, 2, 3, 4];
pub(super) const SPARE_MASKS: [u8; 3] = [5, 6, 7];

/// The life of a value.
#[derive(Clone, Copy, Debug)]
struct Life {
    reg: Reg,
    start: usize,
    end: usize,
    /// How often it is used, by a guess of how often loops run.
    weight: f64,
}

/// The place of every register of a function, and the bytes of stack that these take.
pub(super) fn allocate(code: &Code) -> (Vec<Place>, usize) {
    let (lives, wishes) = lives(code);
    let mut places: Vec<Option<Place>> = vec![None; code.classes.len()];
    let mut stack = 0usize;
    for class in [Class::Int, Class::Vector, Class::Mask] {
        let all: Vec<u8> = match class {
            Class::Int => INTS.to_vec(),
            Class::Vector => (0..VECTORS).collect(),
            Class::Mask => MASKS.to_vec(),
        };
        let mut free = all.clone();
        let mut active: Vec<(Life, u8)> = vec![];
        let of_class = |life: &&Life| code.classes[life.reg.0 as usize] == class;
        for life in lives.iter().filter(of_class) {
            active.retain(|&(other, register)| {
                let lives = other.end >= life.start;
                if !lives {
                    free.push(register);
                }
                lives
            });
            if free.is_empty() {
                let lightest =
                    active.iter().enumerate().min_by(|a, b| a.1.0.weight.total_cmp(&b.1.0.weight));
                let lighter = lightest.filter(|(_, (other, _))| other.weight < life.weight);
                let out = match lighter.map(|(at, _)| at) {
                    Some(at) => {
                        let (other, register) = active.remove(at);
                        free.push(register);
                        other.reg
                    }
                    None => life.reg,
                };
                let size = size_of(class);
                stack = stack.next_multiple_of(size);
                places[out.0 as usize] = Some(Place::Stack(stack as i32));
                stack += size;
                if out == life.reg {
                    continue;
                }
            }
            let wished =
                wishes[life.reg.0 as usize].iter().find_map(|wish| match places[wish.0 as usize] {
                    Some(Place::Register(register)) => {
                        free.iter().position(|&other| other == register)
                    }
                    Some(Place::Stack(_)) | None => None,
                });
            let first = free
                .iter()
                .enumerate()
                .min_by_key(|(_, register)| all.iter().position(|other| other == *register));
            let at = wished.or(first.map(|(at, _)| at)).unwrap_or(0);
            let register = free.swap_remove(at);
            places[life.reg.0 as usize] = Some(Place::Register(register));
            active.push((*life, register));
        }
    }
    // What nothing makes or reads has no life.
    let places = places.into_iter().map(|place| place.unwrap_or(Place::Stack(0))).collect();
    (places, stack)
}

/// Bytes of stack of a value.
fn size_of(class: Class) -> usize {
    match class {
        Class::Int | Class::Mask => 8,
        Class::Vector => 64,
    }
}

/// The lives of all values in the order of their starts, and with which others each would share its
/// register.
fn lives(code: &Code) -> (Vec<Life>, Vec<Vec<Reg>>) {
    let n = code.classes.len();
    let mut start = vec![usize::MAX; n];
    let mut end = vec![0; n];
    let mut weight = vec![0.0; n];
    let mut wishes: Vec<Vec<Reg>> = vec![vec![]; n];
    let (starts, inside) = (positions(code), live_in(code));
    let depths = depths(code);
    for (number, block) in code.blocks.iter().enumerate() {
        let scale = 8f64.powi(depths[number].min(8));
        let mut touch = |reg: Reg, at: usize, used: f64| {
            let reg = reg.0 as usize;
            start[reg] = start[reg].min(at);
            end[reg] = end[reg].max(at);
            weight[reg] += used;
        };
        let (first, last) = (starts[number], starts[number + 1] - 1);
        for &reg in &inside[number] {
            touch(reg, first, 0.0);
        }
        for &parameter in &block.parameters {
            touch(parameter, first, scale);
        }
        let mut at = first + 2;
        for inst in &block.body {
            let late = usize::from(inst.writes_early());
            for (i, reg) in inst.reads().enumerate() {
                let tied = i == 0 && inst.from[0].is_some();
                touch(reg, at + if tied { 0 } else { late }, scale);
            }
            if let Some(to) = inst.to {
                touch(to, at + 1, scale);
                if let (Some(a), true) = (inst.from[0], inst.writes_early()) {
                    wishes[to.0 as usize].push(a);
                }
            }
            at += 2;
        }
        for reg in block.end_reads() {
            touch(reg, last, scale);
        }
        for edge in block.edges() {
            // What lives on into a block lives to the end of this one.
            for &reg in &inside[edge.block] {
                end[reg.0 as usize] = end[reg.0 as usize].max(last);
            }
            for (&argument, &parameter) in
                edge.arguments.iter().zip(&code.blocks[edge.block].parameters)
            {
                wishes[argument.0 as usize].push(parameter);
                wishes[parameter.0 as usize].push(argument);
            }
        }
    }
    let mut lives: Vec<Life> = (0..n)
        .filter(|&reg| start[reg] != usize::MAX)
        .map(|reg| Life {
            reg: Reg(reg as u32),
            start: start[reg],
            end: end[reg],
            weight: weight[reg],
        })
        .collect();
    lives.sort_by_key(|life| life.start);
    (lives, wishes)
}

/// Where each block begins, two numbers an instruction, and where the last one ends.
fn positions(code: &Code) -> Vec<usize> {
    let mut starts = vec![0];
    for block in &code.blocks {
        // The parameters, the instructions, the end.
        let n = 2 * block.body.len() + 4;
        starts.push(starts[starts.len() - 1] + n);
    }
    starts
}

/// How many loops are around each block: a jump back makes one of all blocks from its target on.
fn depths(code: &Code) -> Vec<i32> {
    let mut depths = vec![0; code.blocks.len()];
    for (number, block) in code.blocks.iter().enumerate() {
        for edge in block.edges().filter(|edge| edge.block <= number) {
            depths[edge.block..=number].iter_mut().for_each(|depth| *depth += 1);
        }
    }
    depths
}

/// The values that are made before each block and read in it or after it.
fn live_in(code: &Code) -> Vec<Vec<Reg>> {
    let mut live: Vec<Vec<Reg>> = vec![vec![]; code.blocks.len()];
    loop {
        let mut changed = false;
        for number in (0..code.blocks.len()).rev() {
            let block = &code.blocks[number];
            let mut found: Vec<Reg> =
                block.edges().flat_map(|edge| live[edge.block].clone()).collect();
            found.extend(block.end_reads());
            found.sort_unstable();
            found.dedup();
            for inst in block.body.iter().rev() {
                if let Some(to) = inst.to
                    && let Ok(at) = found.binary_search(&to)
                {
                    found.remove(at);
                }
                for reg in inst.reads() {
                    if let Err(at) = found.binary_search(&reg) {
                        found.insert(at, reg);
                    }
                }
            }
            found.retain(|reg| !block.parameters.contains(reg));
            if found != live[number] {
                live[number] = found;
                changed = true;
            }
        }
        if !changed {
            return live;
        }
    }
}

impl Block {
    pub(super) fn edges(&self) -> impl Iterator<Item = &Edge> {
        let edges = match &self.end {
            End::Return => [None, None],
            End::Jump(edge) => [Some(edge), None],
            End::Branch { then, other, .. } => [Some(then), Some(other)],
        };
        edges.into_iter().flatten()
    }

    /// What its end reads.
    fn end_reads(&self) -> Vec<Reg> {
        let mut reads: Vec<Reg> =
            self.edges().flat_map(|edge| edge.arguments.iter().copied()).collect();
        if let End::Branch { a, b, .. } = &self.end {
            reads.push(*a);
            reads.extend(b.ok());
        }
        reads
    }
}
