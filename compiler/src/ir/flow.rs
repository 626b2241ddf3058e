//! Minimum cuts of flow networks.

use petgraph::algo::maximum_flow::dinics;
use petgraph::graph::{DiGraph, NodeIndex};

/// A capacity that no cut goes through.
pub const UNCUT: u64 = 1 << 48;

/// A network of flows, from its source to its sink.
#[derive(Debug)]
pub struct Network {
    graph: DiGraph<(), u64>,
}

impl Network {
    /// The node from which all flows.
    pub const SOURCE: usize = 0;
    /// The node to which all flows.
    pub const SINK: usize = 1;

    /// A network of source and sink.
    pub fn new() -> Network {
        let mut network = Network { graph: DiGraph::new() };
        network.add_node();
        network.add_node();
        network
    }

    /// Adds a node.
    pub fn add_node(&mut self) -> usize {
        self.graph.add_node(()).index()
    }

    /// Adds an arc along which so much can flow.
    pub fn add_arc(&mut self, from: usize, to: usize, capacity: u64) {
        self.graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), capacity);
    }

    /// Which nodes are on the sink's side of a minimum cut, of all those the one nearest to the sink.
    /// (Dinitz 1970 for the flow; Ford and Fulkerson 1956 for the cut.)
    pub fn sink_side(&self) -> Vec<bool> {
        let [source, sink] = [Self::SOURCE, Self::SINK].map(NodeIndex::new);
        let (_, flows) = dinics(&self.graph, source, sink);
        // From which nodes more could flow to the sink.
        let mut into: Vec<Vec<NodeIndex>> = vec![vec![]; self.graph.node_count()];
        for (edge, flow) in self.graph.edge_indices().zip(flows) {
            let (from, to) = self.graph.edge_endpoints(edge).expect("an edge has ends");
            if flow < self.graph[edge] {
                into[to.index()].push(from);
            }
            if flow > 0 {
                into[from.index()].push(to);
            }
        }
        let mut reaches = vec![false; into.len()];
        let mut stack = vec![sink];
        while let Some(node) = stack.pop() {
            if !std::mem::replace(&mut reaches[node.index()], true) {
                stack.extend(&into[node.index()]);
            }
        }
        reaches
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, UNCUT};

    /// A chain is cut where it is narrowest, and of equal places at the last.
    #[test]
    fn a_chain_is_cut_where_it_is_narrowest() {
        for (capacities, cut) in [([3, 1, 2], 1), ([2, 5, 2], 2), ([UNCUT, 4, UNCUT], 1)] {
            let mut network = Network::new();
            let middle = [network.add_node(), network.add_node()];
            let nodes = [Network::SOURCE, middle[0], middle[1], Network::SINK];
            for (pair, capacity) in nodes.windows(2).zip(capacities) {
                network.add_arc(pair[0], pair[1], capacity);
            }
            let side = network.sink_side();
            let expected: Vec<bool> = (0..4).map(|at| at > cut).collect();
            assert_eq!(nodes.map(|node| side[node]).to_vec(), expected, "{capacities:?}");
        }
    }
}
