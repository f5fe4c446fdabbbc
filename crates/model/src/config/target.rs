//! `targets`: data to the model, each target validates its own keys.

use crate::decode::{Decode, Decoder};
use crate::field::{Section, Shape, section};
use crate::located::Located;
use crate::scalar::{CodeName, Date, Line, Name, TargetVersion};
use crate::tree::{Entry, Node};

section! {
    /// A loss that somebody has looked at and accepts.
    whole struct Accept: Own @ Site {
        /// The code of the loss.
        required code: CodeName = "", TARGET_ACCEPT;
        /// The route that it concerns; every one where left out.
        optional route: Name = "", TARGET_ACCEPT;
        /// Why.
        required reason: Line = "", TARGET_ACCEPT;
        /// The last day; the command judges it.
        optional until: Date = "", TARGET_ACCEPT;
    }
}

section! {
    /// What every target understands.
    whole struct TargetFields: Own @ Site {
        /// The version that the output must fit.
        optional version: TargetVersion = "what every generation accepts", TARGET_SETTINGS;
        /// Losses that are accepted.
        optional accept: Vec<Located<Accept>> = "", TARGET_ACCEPT;
    }
}

/// The settings of one target: what every target understands, and its own keys as they stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Target {
    /// What every target understands.
    pub fields: TargetFields,
    /// The target's own keys.
    pub own: Vec<Entry>,
}

impl Target {
    /// The description of this section.
    pub fn section() -> Section {
        Section { name: "Target", open: true, ..TargetFields::section() }
    }
}

impl Decode for Target {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        let mut this = Self::default();
        for entry in out.mapping(node)? {
            if !this.fields.decode_entry(entry, out) {
                this.own.push(entry.clone());
            }
        }
        Some(this)
    }

    fn shape() -> Shape {
        Shape::Section(Self::section)
    }
}
