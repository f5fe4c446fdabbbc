//! A value that holds, and who said so.

use std::ops::Deref;

use crate::located::Located;
use crate::source::Span;

/// A value with the place that it was written at: in the thing itself, in `defaults`, or nowhere, when it is
/// the built-in default. A loss of a written value weighs more than one of a built-in default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value that holds.
    pub value: T,
    /// Where it was written; `None` for the built-in default.
    pub span: Option<Span>,
}

impl<T> Setting<T> {
    /// The built-in default.
    pub const fn built_in(value: T) -> Self {
        Self { value, span: None }
    }

    /// What was written, or else the built-in default.
    pub fn of(written: Option<&Located<T>>, default: T) -> Self
    where
        T: Clone,
    {
        match written {
            Some(located) => Self { value: located.value.clone(), span: Some(located.span) },
            None => Self::built_in(default),
        }
    }

    /// Whether somebody wrote it.
    pub fn is_written(&self) -> bool {
        self.span.is_some()
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
