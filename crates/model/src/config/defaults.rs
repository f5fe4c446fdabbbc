//! `defaults`: values for everything that does not write its own.

use crate::config::{ListenerSettings, RouteSettings, UpstreamSettings};
use crate::decode::{Decode, Decoder};
use crate::field::{Family, Field, Scope, Section, Shape};
use crate::located::Located;
use crate::tree::{Entry, Node};

/// Settings of every scope side by side; `timeouts` and `limits` hold the fields of all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Defaults {
    /// For every listener.
    pub listener: ListenerSettings,
    /// For every upstream.
    pub upstream: UpstreamSettings,
    /// For every route.
    pub route: RouteSettings,
}

/// Decodes one key of a block that several scopes share into the first scope that knows it.
macro_rules! shared {
    ($name:ident, $section:ident, $self:ident, $entry:ident, $out:ident, [$($scope:ident),*]) => {{
        for inner in $out.mapping(&$entry.value)? {
            let taken = false $(|| $self.$scope.$section
                .get_or_insert_with(|| Located::new(Default::default(), inner.key.span))
                .value
                .decode_entry(inner, $out))*;
            if !taken {
                $out.unknown_key(&inner.key, &$name());
            }
        }
    }};
}

impl Defaults {
    /// The description of this section.
    pub fn section() -> Section {
        let mut fields: Vec<Field> = Vec::new();
        let scopes =
            [RouteSettings::section(), UpstreamSettings::section(), ListenerSettings::section()];
        for field in scopes.into_iter().flat_map(|section| section.fields) {
            match field.name {
                "timeouts" | "limits" if fields.iter().any(|known| known.name == field.name) => {}
                "timeouts" => fields.push(Field { shape: Shape::Section(all_timeouts), ..field }),
                "limits" => fields.push(Field { shape: Shape::Section(all_limits), ..field }),
                _ => fields.push(field),
            }
        }
        Section {
            name: "Defaults",
            doc: "Values for every listener, upstream and route that does not write its own.",
            family: Family::Own,
            scope: Scope::Site,
            fields,
            open: false,
        }
    }

    fn decode_entry(&mut self, entry: &Entry, out: &mut Decoder<'_>) -> Option<()> {
        match entry.key.value.as_str() {
            "timeouts" => {
                shared!(all_timeouts, timeouts, self, entry, out, [route, upstream, listener]);
            }
            "limits" => shared!(all_limits, limits, self, entry, out, [route, listener]),
            _ => {
                let taken = self.route.decode_entry(entry, out)
                    || self.upstream.decode_entry(entry, out)
                    || self.listener.decode_entry(entry, out);
                if !taken {
                    out.unknown_key(&entry.key, &Self::section());
                }
            }
        }
        Some(())
    }
}

impl Decode for Defaults {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        let mut this = Self::default();
        for entry in out.mapping(node)? {
            this.decode_entry(entry, out);
        }
        Some(this)
    }

    fn shape() -> Shape {
        Shape::Section(Self::section)
    }
}

fn union(name: &'static str, doc: &'static str, sections: Vec<Section>) -> Section {
    let mut fields: Vec<Field> = Vec::new();
    for field in sections.into_iter().flat_map(|section| section.fields) {
        if !fields.iter().any(|known| known.name == field.name) {
            fields.push(field);
        }
    }
    Section { name, doc, family: Family::Own, scope: Scope::Site, fields, open: false }
}

fn all_timeouts() -> Section {
    use crate::config::{ListenerTimeouts, RouteTimeouts, UpstreamTimeouts};
    let sections =
        vec![RouteTimeouts::section(), UpstreamTimeouts::section(), ListenerTimeouts::section()];
    union("DefaultTimeouts", "Timers of every scope.", sections)
}

fn all_limits() -> Section {
    use crate::config::{ListenerLimits, RouteLimits};
    let sections = vec![RouteLimits::section(), ListenerLimits::section()];
    union("DefaultLimits", "Limits of listeners and routes.", sections)
}
