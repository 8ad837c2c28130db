//! The JSON Schema of the language, generated from the types in [`raw`](super::raw).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::raw::ScenarioDocument;

/// Extension: fields of an AWS document that are accepted and do not matter for capacity.
pub(crate) const IGNORED: &str = "x-plimsoll-ignored";
/// Extension: fields of an AWS document that AWS acts on and the model does not: for each what it
/// `means`, and the values that ask for what the model does anyway (`unless`).
pub(crate) const NOT_SIMULATED: &str = "x-plimsoll-not-simulated";
/// Extension: fields of an AWS document that are refused if they ask for anything, each with the reason.
pub(crate) const REFUSED: &str = "x-plimsoll-refused";
/// Extension: the object is an AWS document, fields that nobody knows are accepted and reported.
pub(crate) const AWS_DOCUMENT: &str = "x-plimsoll-aws-document";
/// Extension: a scalar with its own syntax, see [`kinds`](super::raw::kinds).
pub(crate) const KIND: &str = "x-plimsoll-kind";
/// Extension: least and greatest duration.
pub(crate) const LEAST: &str = "x-plimsoll-min";
/// See [`LEAST`].
pub(crate) const GREATEST: &str = "x-plimsoll-max";

/// Extension: keys that must be there once the files that the object names have been read.
pub(crate) const REQUIRED: &str = "x-plimsoll-required";

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ScenarioDocument>().to_value();
    complete(&mut schema);
    if let Some(definition) = schema.pointer_mut("/$defs/TaskDefinition") {
        require_unless_in_file(definition);
    }
    // Room for anchors.
    if let Some(object) = schema.as_object_mut() {
        object.insert("patternProperties".to_owned(), json!({ "^x-": true }));
    }
    schema
});

/// The JSON Schema of a scenario (draft 2020-12), for editors and for `plimsoll schema`.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The schema without a copy.
pub(crate) fn shared() -> &'static Value {
    &SCHEMA
}

/// Editors do not read the file that a task definition may come from.
fn require_unless_in_file(definition: &mut Value) {
    let Some(object) = definition.as_object_mut() else { return };
    if let Some(required) = object.remove("required") {
        object.insert("if".to_owned(), json!({ "not": { "required": ["file"] } }));
        object.insert("then".to_owned(), json!({ "required": required.clone() }));
        object.insert(REQUIRED.to_owned(), required);
    }
}

/// Lets editors know the fields that are accepted without effect.
fn complete(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            allow_ignored(object);
            object.values_mut().for_each(complete);
        }
        Value::Array(items) => items.iter_mut().for_each(complete),
        _ => {}
    }
}

fn allow_ignored(object: &mut Map<String, Value>) {
    if object.get(AWS_DOCUMENT).is_some() {
        object.remove("additionalProperties");
    }
    let mut described: Vec<(String, String)> = Vec::new();
    if let Some(Value::Array(ignored)) = object.get(IGNORED) {
        for name in ignored.iter().filter_map(Value::as_str) {
            described.push((name.to_owned(), "Accepted; does not matter for capacity.".to_owned()));
        }
    }
    if let Some(Value::Object(fields)) = object.get(NOT_SIMULATED) {
        for (name, field) in fields {
            let means = field.get("means").and_then(Value::as_str).unwrap_or_default();
            let description = format!("Accepted without effect: {means} not simulated.");
            described.push((name.clone(), description));
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, description) in described {
            properties.entry(name).or_insert_with(|| json!({ "description": description }));
        }
    }
}
