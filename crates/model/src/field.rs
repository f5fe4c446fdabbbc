//! One declarative description of every field. The `section!` macro makes the struct, its decoder
//! and the description from which the JSON Schema and `docs/model.md` are printed.

use crate::clause::Clause;

/// The scope that a field belongs to (`scope/fields`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole model.
    Site,
    /// One listener.
    Listener,
    /// One upstream.
    Upstream,
    /// One route.
    Route,
}

/// Sections of one family share key names across scopes, so a key that is unknown here but known in
/// a sibling is in the wrong scope rather than misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The model itself, a listener, an upstream, a route.
    Body,
    /// `timeouts`.
    Timeouts,
    /// `limits`.
    Limits,
    /// `tls`.
    Tls,
    /// `proxy_protocol`.
    ProxyProtocol,
    /// Everything that stands in one place only.
    Own,
}

/// A mapping with known keys.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name in the schema and the documentation.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Which family it belongs to.
    pub family: Family,
    /// Which scope its fields belong to.
    pub scope: Scope,
    /// Its fields, in the order of the documentation.
    pub fields: Vec<Field>,
    /// Whether keys beside the fields are taken as they are (a target's own settings).
    pub open: bool,
}

/// One key of a section.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What holds where it is not written; empty for nothing.
    pub default: &'static str,
    /// The rule that says what it means.
    pub clause: Clause,
}

/// What a scalar type looks like from outside.
#[derive(Debug, Clone, Copy)]
pub struct ScalarSpec {
    /// Its name in the schema and the documentation.
    pub name: &'static str,
    /// What it is, with bounds.
    pub doc: &'static str,
    /// Values that show its form.
    pub examples: &'static [&'static str],
}

/// What values a field takes.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Text of a certain form.
    Scalar(ScalarSpec),
    /// A whole number within bounds.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A rank: a whole number from -1000 to 1000.
    Priority,
    /// `true` or `false`.
    Boolean,
    /// One of some words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// A list of one shape.
    List(Box<Shape>),
    /// Free keys of one form, each with a value of one shape.
    Map(ScalarSpec, Box<Shape>),
    /// Known keys.
    Section(fn() -> Section),
    /// One of several shapes.
    Either(Vec<Shape>),
    /// Nothing at all.
    Null,
    /// Anything: somebody else reads it.
    Any,
}

/// Declares a section: `section! { /// doc struct Name: Family @ Scope { required|optional key: Type
/// = "default", CLAUSE; } }`, with `+ field: OtherSection` for keys that stand at the same level.
/// A `merged` section takes each field that it lacks from `defaults`, a `whole` one is taken or not.
#[macro_export]
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $mode:ident struct $name:ident: $family:ident @ $scope:ident {
            $( $(#[doc = $fdoc:literal])* $need:ident $field:ident: $ty:ty = $default:literal, $clause:ident; )*
        }
        $(+ $flat:ident: $flat_ty:ty)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: Option<$crate::located::Located<$ty>>, )*
            $( /// Keys of the same level that `defaults` may hold too.
               pub $flat: $flat_ty, )?
            /// Keys that are there with a value that could not be read: reported once, and not missing.
            pub broken: Vec<&'static str>,
        }

        impl $name {
            /// The description of this section.
            pub fn section() -> $crate::field::Section {
                #[allow(unused_mut, reason = "only sections with flattened fields extend it")]
                let mut fields = vec![$($crate::field::Field {
                    name: $crate::field::key_name(stringify!($field)),
                    doc: concat!($($fdoc, "\n"),*).trim(),
                    shape: <$ty as $crate::decode::Decode>::shape(),
                    required: stringify!($need) == "required",
                    default: $default,
                    clause: $crate::clause::Clause::$clause,
                }),*];
                $( fields.extend(<$flat_ty>::section().fields); )?
                $crate::field::Section {
                    name: stringify!($name),
                    doc: concat!($($doc, "\n"),*).trim(),
                    family: $crate::field::Family::$family,
                    scope: $crate::field::Scope::$scope,
                    fields,
                    open: false,
                }
            }

            /// This section with every field that it lacks taken from another.
            pub fn over(mut self, under: &Self) -> Self {
                $( self.$field = $crate::decode::overlay(self.$field.take(), under.$field.as_ref()); )*
                $( self.$flat = self.$flat.over(&under.$flat); )?
                self
            }

            /// Reads one key; `false` where this section does not know it.
            pub fn decode_entry(
                &mut self,
                entry: &$crate::tree::Entry,
                out: &mut $crate::decode::Decoder<'_>,
            ) -> bool {
                $( if entry.key.value == $crate::field::key_name(stringify!($field)) {
                    self.$field = $crate::decode::Decode::decode(&entry.value, out);
                    if self.$field.is_none() {
                        self.broken.push($crate::field::key_name(stringify!($field)));
                    }
                    return true;
                } )*
                $( if self.$flat.decode_entry(entry, out) { return true; } )?
                false
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(node: &$crate::tree::Node, out: &mut $crate::decode::Decoder<'_>) -> Option<Self> {
                let mut this = Self::default();
                for entry in out.mapping(node)? {
                    if !this.decode_entry(entry, out) {
                        out.unknown_key(&entry.key, &Self::section());
                    }
                }
                $( if stringify!($need) == "required" {
                    out.require(node, $crate::field::key_name(stringify!($field)));
                } )*
                Some(this)
            }

            fn shape() -> $crate::field::Shape {
                $crate::field::Shape::Section(Self::section)
            }

            fn overlay(self, under: &Self) -> Self {
                if stringify!($mode) == "merged" { self.over(under) } else { self }
            }
        }
    };
}

/// The key of a field: Rust's own words carry a final `_` (`match_`, `type_`).
pub const fn key_name(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [.., b'_'] => identifier.split_at(identifier.len() - 1).0,
        _ => identifier,
    }
}

/// Declares an enum of words: `choice! { /// doc enum Name { /// doc Variant = "word", } }`.
#[macro_export]
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        enum $name:ident { $( $(#[doc = $vdoc:literal])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[doc = $vdoc])* $variant, )* }

        impl $name {
            /// Every word with its meaning.
            pub const WORDS: &[(&str, &str)] = &[$(($word, concat!($($vdoc),*))),*];

            /// The word in the YAML.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(node: &$crate::tree::Node, out: &mut $crate::decode::Decoder<'_>) -> Option<Self> {
                match out.word(node, Self::WORDS)? {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }

            fn shape() -> $crate::field::Shape {
                $crate::field::Shape::Choice(Self::WORDS)
            }
        }
    };
}

pub use crate::{choice, section};

impl Scope {
    /// In words for a message.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Site => "the site",
            Self::Listener => "a listener",
            Self::Upstream => "an upstream",
            Self::Route => "a route",
        }
    }

    /// As printed in the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Listener => "listener",
            Self::Upstream => "upstream",
            Self::Route => "route",
        }
    }
}
