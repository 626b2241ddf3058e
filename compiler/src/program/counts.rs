//! What a step counts: how often things happen in it, loops unrolled.

use super::{Call, Phase, Program, Wave};

impl Program {
    /// Every wave that the program lists, in order, with how often a step runs it.
    pub fn waves(&self) -> Vec<(&Wave, usize)> {
        let mut waves = vec![];
        collect(&self.phases, 1, &mut waves);
        waves
    }

    /// Every call that the program lists, in order, with how often a step makes it.
    pub fn calls(&self) -> impl Iterator<Item = (&Call, usize)> {
        let waves = self.waves().into_iter();
        waves.flat_map(|(wave, times)| wave.calls.iter().map(move |call| (call, times)))
    }

    /// Every call that the program lists, in order, and those of each kernel.
    pub fn calls_by_kernel(&self) -> (Vec<&Call>, Vec<Vec<&Call>>) {
        let all: Vec<&Call> = self.calls().map(|(call, _)| call).collect();
        let mut by_kernel = vec![vec![]; self.kernels.len()];
        all.iter().for_each(|&call| by_kernel[call.kernel].push(call));
        (all, by_kernel)
    }

    /// The number of waves of a step.
    pub fn n_waves(&self) -> usize {
        self.waves().iter().map(|(_, times)| times).fold(0, |n, &times| n.saturating_add(times))
    }

    /// The number of calls of kernels in a step.
    pub fn n_calls(&self) -> usize {
        self.calls().fold(0, |n, (_, times)| n.saturating_add(times))
    }
}

fn collect<'a>(phases: &'a [Phase], times: usize, waves: &mut Vec<(&'a Wave, usize)>) {
    for phase in phases {
        match phase {
            Phase::Wave(wave) => waves.push((wave, times)),
            Phase::Repeat(repeat) => {
                collect(&repeat.phases, times.saturating_mul(repeat.length), waves);
            }
        }
    }
}
