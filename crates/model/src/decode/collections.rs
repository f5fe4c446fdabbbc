//! Lists, maps, places, and the values that need no form of their own.

use crate::decode::{Decode, Decoder, Map, Scalar};
use crate::field::Shape;
use crate::located::Located;
use crate::tree::Node;

impl<T: Decode> Decode for Located<T> {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, out).map(|value| Self::new(value, node.span))
    }

    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        Some(out.sequence(node)?.iter().filter_map(|item| T::decode(item, out)).collect())
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

impl<K: Scalar, V: Decode> Decode for Map<K, V> {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        let mut entries = Vec::new();
        for entry in out.mapping(node)? {
            // The value is read even where the key is wrong, so that both are reported at once.
            let key = out.parse::<K>(&entry.key.value, entry.key.span);
            let value = V::decode(&entry.value, out);
            if let (Some(key), Some(value)) = (key, value) {
                entries.push((
                    Located::new(key, entry.key.span),
                    Located::new(value, entry.value.span),
                ));
            }
        }
        Some(Self(entries))
    }

    fn shape() -> Shape {
        Shape::Map(K::SPEC, Box::new(V::shape()))
    }
}

impl Decode for bool {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        match node.scalar() {
            Some(scalar) if scalar.plain && scalar.text == "true" => Some(true),
            Some(scalar) if scalar.plain && scalar.text == "false" => Some(false),
            _ => {
                out.wrong_type(
                    node,
                    "`true` or `false`",
                    "write `true` or `false`, without quotes",
                );
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Boolean
    }
}

impl Decode for Node {
    fn decode(node: &Node, _out: &mut Decoder<'_>) -> Option<Self> {
        Some(node.clone())
    }

    fn shape() -> Shape {
        Shape::Any
    }
}
