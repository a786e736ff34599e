//! The judge of Ferrule: what is correct, said a second time and in another way.

pub mod compare;
pub mod flow;
pub mod generate;
pub mod objects;
pub mod reference;
pub mod verdict;
