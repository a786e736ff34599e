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
        Self::of_files(&[manifests], options)
    }

    /// The same of several files.
    pub fn of_files(files: &[&str], options: Options) -> (Self, Ruleset) {
        let mut directory = Directory::default();
        let resolver = Resolver::new(NodeName::from(NODE), vec![InterfacePrefix::default()]);
        let mut pipeline =
            Self { resolver: resolver.with_layer(&options.layer), compiler: Compiler::new(options) };
        for (index, text) in files.iter().enumerate() {
            let events = directory.update(&format!("{index}.json"), Some(text));
            events.into_iter().for_each(|event| pipeline.resolver.apply(event));
        }
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
