//! The parameters of a sweep as changes to the document.

use super::diagnostic::{Diagnostic, suggestion};
use super::overrides::Override;
use super::raw;
use super::tree::{Node, Path, Value, shorten};

/// Alternatives of all parameters together at most.
const MOST_ALTERNATIVES: usize = 10_000;

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSpec {
    /// Runs of each combination.
    pub replications: u32,
    /// Label of the alternative that the others are compared with.
    pub baseline: Option<String>,
    /// Parameters in document order.
    pub parameters: Vec<SweepParameter>,
}

/// One dimension of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepParameter {
    /// Name.
    pub name: String,
    /// Alternatives in document order, at least one, with different labels.
    pub alternatives: Vec<Alternative>,
}

/// One value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Label in tables and plots.
    pub label: String,
    /// What it changes.
    pub overrides: Vec<Override>,
}

/// Reads the parameters off the `sweep` part of a document.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn lower(raw: &raw::sweep::Sweep, root: &Node) -> Result<SweepSpec, Vec<Diagnostic>> {
    let path = Path::root().key("sweep");
    let mut found = Vec::new();
    let mut parameters = Vec::new();
    let list = path.key("parameters");
    if let Some(Value::Mapping(entries)) =
        root.get("sweep").and_then(|sweep| sweep.get("parameters")).map(|node| &node.value)
    {
        for entry in entries {
            let path = list.key(&entry.key);
            match alternatives(&entry.node, &path) {
                Ok(alternatives) => {
                    parameters.push(SweepParameter { name: entry.key.clone(), alternatives });
                }
                Err(diagnostic) => found.push(*diagnostic),
            }
        }
    }
    if parameters.is_empty() && found.is_empty() {
        found.push(Diagnostic::new(list.locate(root), &list, "must not be empty"));
    }
    let count: usize = parameters.iter().map(|parameter| parameter.alternatives.len()).sum();
    if MOST_ALTERNATIVES < count {
        let message =
            format!("there are {count} alternatives, at most {MOST_ALTERNATIVES} are allowed");
        found.push(Diagnostic::new(list.locate(root), &list, message));
    }
    if let (Some(baseline), true) = (&raw.baseline, found.is_empty()) {
        let labels: Vec<&str> = parameters
            .iter()
            .flat_map(|parameter| &parameter.alternatives)
            .map(|alternative| alternative.label.as_str())
            .collect();
        if !labels.contains(&baseline.as_str()) && !names_point(&parameters, baseline) {
            let path = path.key("baseline");
            let message = format!("there is no alternative `{}`", shorten(baseline));
            let diagnostic = Diagnostic::new(path.locate(root), &path, message);
            found.push(diagnostic.maybe_hint(suggestion(baseline, labels)));
        }
    }
    if found.is_empty() {
        Ok(SweepSpec { replications: raw.replications, baseline: raw.baseline.clone(), parameters })
    } else {
        Err(found)
    }
}

/// Whether `text` is a whole point, such as `placement=binpack target=60`.
fn names_point(parameters: &[SweepParameter], text: &str) -> bool {
    let Some((first, others)) = parameters.split_first() else { return text.is_empty() };
    let rest = text.strip_prefix(&first.name).and_then(|rest| rest.strip_prefix('='));
    let mut ends = first.alternatives.iter().filter_map(|it| rest?.strip_prefix(&it.label));
    ends.any(|rest| names_point(others, rest.strip_prefix(' ').unwrap_or(rest)))
}

fn alternatives(node: &Node, path: &Path) -> Result<Vec<Alternative>, Box<Diagnostic>> {
    let fail = |at, path: &Path, message: &str| Err(Box::new(Diagnostic::new(at, path, message)));
    let Value::Mapping(entries) = &node.value else {
        return fail(node.at, path, "expected a mapping");
    };
    if let [entry] = entries.as_slice()
        && let Value::Sequence(values) = &entry.node.value
    {
        if values.is_empty() {
            return fail(entry.node.at, path, "must not be empty");
        }
        return values_of_path(&entry.key, entry.key_at, values, path);
    }
    let mut alternatives = Vec::new();
    for entry in entries {
        let Value::Mapping(changes) = &entry.node.value else {
            let path = path.key(&entry.key);
            return fail(
                entry.node.at,
                &path,
                "expected a mapping from paths to values, or one path with a list of values",
            );
        };
        let overrides = changes
            .iter()
            .map(|change| Override {
                path: change.key.clone(),
                at: change.key_at,
                value: change.node.clone(),
            })
            .collect();
        alternatives.push(Alternative { label: entry.key.clone(), overrides });
    }
    if alternatives.is_empty() {
        return fail(node.at, path, "must not be empty");
    }
    Ok(alternatives)
}

fn values_of_path(
    key: &str,
    at: super::tree::Position,
    values: &[Node],
    path: &Path,
) -> Result<Vec<Alternative>, Box<Diagnostic>> {
    let mut alternatives: Vec<Alternative> = Vec::new();
    for value in values {
        let label = label(value);
        if alternatives.iter().any(|other| other.label == label) {
            let message = format!("the value `{label}` appears twice");
            return Err(Box::new(Diagnostic::new(value.at, path, message)));
        }
        let change = Override { path: key.to_owned(), at, value: value.clone() };
        alternatives.push(Alternative { label, overrides: vec![change] });
    }
    Ok(alternatives)
}

/// How a value reads in a table.
fn label(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => shorten(text),
        _ => shorten(&node.to_json().to_string()),
    }
}
