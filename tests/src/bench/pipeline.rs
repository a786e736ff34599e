//! The pure pipeline from manifests to a ruleset, for one node.

use ferrule_ruleset::{
    compile::{Compiler, Options},
    event::Event,
    links::InterfacePrefix,
    manifest::Directory,
    name::NodeName,
    nft::Ruleset,
    resolve::Resolver,
};

use super::universe::NODE;

/// All stages, with what they keep between rounds.
#[derive(Debug)]
pub struct Pipeline {
    resolver: Resolver,
    compiler: Compiler,
}

impl Pipeline {
    /// A pipeline that has seen these manifests, and the ruleset they give.
    pub fn new(manifests: &str, options: Options) -> (Self, Ruleset) {
        let mut directory = Directory::default();
        let mut pipeline = Self {
            resolver: Resolver::new(NodeName::from(NODE), vec![InterfacePrefix::default()]),
            compiler: Compiler::new(options),
        };
        directory
            .update("all.json", Some(manifests))
            .into_iter()
            .for_each(|event| pipeline.resolver.apply(event));
        let ruleset = pipeline.ruleset();
        (pipeline, ruleset)
    }

    /// Takes in an event; the ruleset it leads to.
    pub fn step(&mut self, event: Event) -> Ruleset {
        self.resolver.apply(event);
        self.ruleset()
    }

    fn ruleset(&mut self) -> Ruleset {
        self.compiler.compile(&self.resolver.resolve())
    }
}
