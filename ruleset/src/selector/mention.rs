//! What a selector mentions, wherever it stands in it.

use super::{Selector, ast::Node};

impl Selector {
    /// Whether it tests this label anywhere.
    pub fn mentions_label(&self, label: &str) -> bool {
        mentions(&self.0.root, &|leaf| matches!(leaf, Node::Label(key, _) if **key == *label))
    }

    /// Whether it holds the term `global()`.
    pub fn mentions_global(&self) -> bool {
        mentions(&self.0.root, &|leaf| matches!(leaf, Node::Global))
    }
}

fn mentions(node: &Node, leaf: &dyn Fn(&Node) -> bool) -> bool {
    match node {
        Node::All | Node::Global | Node::Label(..) => leaf(node),
        Node::Not(node) => mentions(node, leaf),
        Node::AllOf(nodes) | Node::AnyOf(nodes) => nodes.iter().any(|node| mentions(node, leaf)),
    }
}
