//! The JSON Schema of the model (draft 2020-12), printed from the descriptions of the fields.

use serde_json::{Map, Value, json};

use crate::config::{Config, sections};
use crate::field::{ScalarSpec, Section, Shape};

/// The schema; `targets` are the targets' own settings by name.
pub fn json_schema(targets: &[(&'static str, Section)]) -> Value {
    let mut definitions = Definitions::default();
    let mut root = definitions.section(&Config::section());
    root["properties"]["version"] =
        json!({"const": 1, "description": "The version of this format."});
    let common = definitions.section(&crate::config::Target::section());
    let mut by_name = Map::new();
    for (name, own) in targets {
        let mut schema = common.clone();
        for field in &own.fields {
            schema["properties"][field.name] =
                definitions.field(&field.shape, field.doc, field.default);
        }
        schema["additionalProperties"] = json!(false);
        schema["description"] = json!(own.doc);
        by_name.insert((*name).to_owned(), schema);
    }
    root["properties"]["targets"]["properties"] = Value::Object(by_name);
    root["properties"]["targets"]["additionalProperties"] = json!(false);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("wsgen model, version 1");
    root["$defs"] = Value::Object(definitions.0);
    root
}

/// Sections and scalars, each once.
#[derive(Default)]
struct Definitions(Map<String, Value>);

impl Definitions {
    fn section(&mut self, section: &Section) -> Value {
        let mut properties = Map::new();
        for field in &section.fields {
            properties
                .insert(field.name.to_owned(), self.field(&field.shape, field.doc, field.default));
        }
        let required: Vec<_> =
            section.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        json!({
            "type": "object",
            "description": section.doc,
            "properties": properties,
            "required": required,
            "additionalProperties": section.open,
        })
    }

    fn field(&mut self, shape: &Shape, doc: &str, default: &str) -> Value {
        let mut schema = self.shape(shape);
        let default =
            if default.is_empty() { String::new() } else { format!(" Default: {default}.") };
        schema["description"] = json!(format!("{doc}{default}"));
        schema
    }

    fn shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Scalar(spec) => self.scalar(spec),
            Shape::Integer { min, max } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
            Shape::Priority => json!({"type": "integer", "minimum": -1000, "maximum": 1000}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Choice(words) => choice(words),
            Shape::List(item) => json!({"type": "array", "items": self.shape(item)}),
            Shape::Map(key, value) => json!({
                "type": "object",
                "propertyNames": self.scalar(key),
                "additionalProperties": self.shape(value),
            }),
            Shape::Section(section) => {
                let section = section();
                if !self.0.contains_key(section.name) {
                    // Taken first, so that a section that holds itself would end.
                    self.0.insert(section.name.to_owned(), Value::Null);
                    let schema = self.section(&section);
                    self.0.insert(section.name.to_owned(), schema);
                }
                json!({"$ref": format!("#/$defs/{}", section.name)})
            }
            Shape::Either(shapes) => {
                let any: Vec<_> = shapes.iter().map(|shape| self.shape(shape)).collect();
                json!({"anyOf": any})
            }
            Shape::Null => json!({"type": "null"}),
            Shape::Any => json!({}),
        }
    }

    fn scalar(&mut self, spec: &ScalarSpec) -> Value {
        self.0.entry(spec.name.to_owned()).or_insert_with(
            || json!({"type": "string", "description": spec.doc, "examples": spec.examples}),
        );
        json!({"$ref": format!("#/$defs/{}", spec.name)})
    }
}

fn choice(words: &[(&str, &str)]) -> Value {
    // A status such as `301` is written as a number or as text: both read the same.
    let all: Vec<Value> = words
        .iter()
        .flat_map(|(word, _)| {
            let number = word.parse::<u64>().ok().map(Value::from);
            std::iter::once(Value::from(*word)).chain(number)
        })
        .collect();
    json!({"enum": all})
}

/// The text of `docs/model.md`: every section with its fields.
pub fn reference_page(targets: &[(&'static str, Section)]) -> String {
    let mut page = String::from(
        "# The model, field by field\n\n\
         Printed from the one description that also decodes the fields and makes their schema; \
         `UPDATE=1 cargo test --test repository docs` rewrites it.\n\
         Scopes are those of `scope/fields`; rules stand in [semantics.md](semantics.md).\n",
    );
    for section in sections() {
        describe(&section, &mut page);
    }
    for (name, section) in targets {
        if section.fields.is_empty() {
            page.push_str(&format!("\n## targets.{name}\n\n{} It has none.\n", section.doc));
        } else {
            describe(section, &mut page);
        }
    }
    page.push_str("\n## Scalars\n\n| type | form | examples |\n|---|---|---|\n");
    let mut definitions = Definitions::default();
    definitions.section(&Config::section());
    for (name, schema) in &definitions.0 {
        if schema["type"] != "string" {
            continue;
        }
        let empty = Vec::new();
        let examples = schema["examples"].as_array().unwrap_or(&empty);
        let examples: Vec<_> =
            examples.iter().filter_map(Value::as_str).map(|e| format!("`{e}`")).collect();
        let form = schema["description"].as_str().unwrap_or_default();
        page.push_str(&format!("| {name} | {} | {} |\n", cell(form), cell(&examples.join(", "))));
    }
    page
}

fn describe(section: &Section, page: &mut String) {
    page.push_str(&format!(
        "\n## {}\n\n{} Scope: {}.\n\n| field | type | default | rule | meaning |\n|---|---|---|---|---|\n",
        section.name,
        section.doc,
        section.scope.as_str()
    ));
    for field in &section.fields {
        let default = match (field.required, field.default) {
            (true, _) => "required".to_owned(),
            (false, "") => "none".to_owned(),
            (false, default) => format!("`{default}`"),
        };
        page.push_str(&format!(
            "| `{}` | {} | {} | `{}` | {} |\n",
            field.name,
            cell(&type_name(&field.shape)),
            cell(&default),
            field.clause,
            cell(field.doc)
        ));
    }
}

fn type_name(shape: &Shape) -> String {
    match shape {
        Shape::Scalar(spec) => spec.name.to_owned(),
        Shape::Integer { min, max } => format!("{min} to {max}"),
        Shape::Priority => "-1000 to 1000".to_owned(),
        Shape::Boolean => "`true`, `false`".to_owned(),
        Shape::Choice(words) => {
            words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Shape::List(item) => format!("list of {}", type_name(item)),
        Shape::Map(key, value) => format!("{} to {}", key.name, type_name(value)),
        Shape::Section(section) => {
            let name = section().name;
            format!("[{name}](#{})", name.to_ascii_lowercase())
        }
        Shape::Either(shapes) => shapes.iter().map(type_name).collect::<Vec<_>>().join(" or "),
        Shape::Null => "`null`".to_owned(),
        Shape::Any => "anything".to_owned(),
    }
}

/// A text inside of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
