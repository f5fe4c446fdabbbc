//! From the located tree to typed values. Every finding is pushed, none stops the reading.

mod collections;
mod decoder;

pub use decoder::{Decoder, suggestion};

use crate::code::Code;
use crate::field::{ScalarSpec, Shape};
use crate::located::Located;
use crate::tree::Node;

/// Something that a field can hold.
pub trait Decode: Sized {
    /// Reads it; pushes what is wrong and returns `None` where there is no value to go on with.
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self>;

    /// What values it takes.
    fn shape() -> Shape;

    /// What holds where this is written and `under` is the default (`scope/defaults`).
    fn overlay(self, _under: &Self) -> Self {
        self
    }
}

/// Text with a form of its own: a duration, a hostname.
pub trait Scalar: Sized {
    /// Its name, form and bounds.
    const SPEC: ScalarSpec;
    /// The code of a text that is not one.
    const CODE: Code;
    /// Whether it is text for people, where a bare number or `true` is a mistake.
    const QUOTED: bool = false;

    /// Reads the text.
    fn parse(text: &str) -> Result<Self, Problem>;
}

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, one line.
    pub message: String,
    /// What should stand there.
    pub expected: String,
    /// What to do.
    pub help: String,
    /// The bytes of the text that are wrong, if not all.
    pub range: Option<std::ops::Range<usize>>,
    /// The code, where it is not the type's own.
    pub code: Option<Code>,
}

/// Free keys of one form with their values, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<K, V>(pub Vec<(Located<K>, Located<V>)>);

// === impl Problem ===

impl Problem {
    /// A problem of the whole text.
    pub fn new(
        message: impl Into<String>,
        expected: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            expected: expected.into(),
            help: help.into(),
            range: None,
            code: None,
        }
    }

    /// The bytes of the text that are wrong.
    pub fn at(mut self, range: std::ops::Range<usize>) -> Self {
        self.range = Some(range);
        self
    }
}

// === impl Map ===

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What holds of a written value and a default.
pub fn overlay<T: Decode + Clone>(
    own: Option<Located<T>>,
    under: Option<&Located<T>>,
) -> Option<Located<T>> {
    match (own, under) {
        (Some(own), Some(under)) => Some(Located::new(own.value.overlay(&under.value), own.span)),
        (own, under) => own.or_else(|| under.cloned()),
    }
}

/// Gives a scalar type its decoder.
macro_rules! decode_scalar {
    ($($ty:ty),* $(,)?) => {$(
        impl crate::decode::Decode for $ty {
            fn decode(
                node: &crate::tree::Node,
                out: &mut crate::decode::Decoder<'_>,
            ) -> Option<Self> {
                out.scalar(node)
            }

            fn shape() -> crate::field::Shape {
                crate::field::Shape::Scalar(<Self as crate::decode::Scalar>::SPEC)
            }
        }
    )*};
}
pub(crate) use decode_scalar;
