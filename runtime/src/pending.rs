//! What an entry computes and how it is compiled, in one place until the compiler has it.
#![allow(missing_docs, unreachable_pub)]
pub use brolga_compiler::compile::{Compiled, Options, compile_graph};
use brolga_compiler::error::CompileError;
use brolga_compiler::ir::*;
pub use brolga_compiler::specialise::specialise;
use indexmap::IndexMap;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    Train,
    Eval,
    Run { fetch: Vec<Name> },
}
pub struct EntryGraph {
    pub graph: Graph,
    pub slots: IndexMap<Name, Variable>,
}
pub fn entry_graph(module: &Module, entry: &Entry) -> Result<EntryGraph, CompileError> {
    let mut graph =
        if *entry == Entry::Train { module.train.clone() } else { module.infer.clone() };
    match entry {
        Entry::Train | Entry::Eval => graph.outputs.clear(),
        Entry::Run { fetch } => {
            graph.metrics.clear();
            if !fetch.is_empty() {
                graph.outputs =
                    fetch.iter().map(|n| (n.clone(), graph.find(n).expect("pending"))).collect();
            }
        }
    }
    let live = graph.order_from(&graph.roots());
    graph.inputs.retain(|i| live.contains(i));
    Ok(EntryGraph { graph, slots: IndexMap::new() })
}
pub fn compile(
    module: &Module,
    entry: &Entry,
    binding: &Binding,
    target: &Target,
    options: &Options,
) -> Result<Compiled, CompileError> {
    let graph = specialise(&entry_graph(module, entry)?.graph, binding)?;
    compile_graph(graph, target, options)
}
