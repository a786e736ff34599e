//! Texts, trees and directories.

mod directory;
mod read;
