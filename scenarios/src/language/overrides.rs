//! Changes to a document by path: `--set` and the parameters of a sweep.
//!
//! A path is keys and list elements with points between them: `services.api.desiredCount`. An element
//! is addressed by its position (from zero) or by its name, which is the value of its `serviceName`,
//! `autoScalingGroupName`, `family`, `policyName` or similar.

use super::diagnostic::{Diagnostic, suggestion};
use super::tree::{Entry, Node, Path, Position, Value, shorten};

/// Keys that name an element of a list, in the order in which they are tried.
const NAMES: [&str; 10] = [
    "name",
    "serviceName",
    "autoScalingGroupName",
    "family",
    "policyName",
    "scheduledActionName",
    "capacityProvider",
    "predefinedMetricType",
    "alarmName",
    "loadBalancerName",
];

/// One change: the value that takes the place of what is at the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Path as it was written.
    pub path: String,
    /// Where the path was written.
    pub at: Position,
    /// New value.
    pub value: Node,
}

/// Applies a change.
///
/// # Errors
/// If the path leads nowhere.
pub(crate) fn apply(root: &mut Node, change: &Override) -> Result<(), Box<Diagnostic>> {
    let steps = split(&change.path);
    if steps.is_empty() || steps.iter().any(std::string::String::is_empty) {
        let message = format!("`{}` is not a path", shorten(&change.path));
        let diagnostic = Diagnostic::new(change.at, &Path::root(), message);
        return Err(Box::new(diagnostic.hint("for example `services.api.desiredCount`")));
    }
    let mut node = root;
    let mut walked = Path::root();
    for (index, step) in steps.iter().enumerate() {
        let last = index + 1 == steps.len();
        // What is not there yet becomes a mapping; the schema says whether that makes sense.
        if node.value == Value::Null {
            node.value = Value::Mapping(Vec::new());
        }
        let next = match &mut node.value {
            Value::Sequence(items) => {
                let position = element(items, step, &walked, change)?;
                walked = walked.index(position);
                items.get_mut(position)
            }
            Value::Mapping(entries) => {
                walked = walked.key(step);
                Some(child(entries, step, change.at))
            }
            other => {
                let message =
                    format!("`{}` leads nowhere: `{walked}` is {other}", shorten(&change.path));
                return Err(Box::new(Diagnostic::new(change.at, &Path::root(), message)));
            }
        };
        let Some(next) = next else { return Ok(()) };
        if last {
            *next = change.value.clone();
            return Ok(());
        }
        node = next;
    }
    Ok(())
}

/// `a.b[0].c` and `a.b.0.c` are the same.
fn split(path: &str) -> Vec<String> {
    path.replace('[', ".").replace(']', "").split('.').map(ToOwned::to_owned).collect()
}

fn child<'n>(entries: &'n mut Vec<Entry>, key: &str, at: Position) -> &'n mut Node {
    let exact = entries.iter().position(|entry| entry.key == key);
    let folded = || entries.iter().position(|entry| super::tree::same_key(&entry.key, key));
    let index = exact.or_else(folded).unwrap_or_else(|| {
        let node = Node::new(Value::Null, at);
        entries.push(Entry { key: key.to_owned(), key_at: at, node });
        entries.len() - 1
    });
    &mut entries[index].node
}

fn element(
    items: &[Node],
    step: &str,
    walked: &Path,
    change: &Override,
) -> Result<usize, Box<Diagnostic>> {
    if let Ok(position) = step.parse::<usize>() {
        if position < items.len() {
            return Ok(position);
        }
        let message = format!("`{walked}` has {} elements, there is no number {step}", items.len());
        let diagnostic = Diagnostic::new(change.at, &Path::root(), message);
        return Err(Box::new(diagnostic.hint("elements are counted from 0")));
    }
    let named: Vec<(usize, &str)> = items
        .iter()
        .enumerate()
        .filter_map(|(position, item)| Some((position, name(item)?)))
        .collect();
    if let Some((position, _)) = named.iter().find(|(_, name)| *name == step) {
        return Ok(*position);
    }
    let message = format!("`{walked}` has no element `{}`", shorten(step));
    let diagnostic = Diagnostic::new(change.at, &Path::root(), message);
    let names: Vec<&str> = named.iter().map(|(_, name)| *name).collect();
    Err(Box::new(diagnostic.maybe_hint(suggestion(step, names))))
}

/// The name of an element.
fn name(item: &Node) -> Option<&str> {
    NAMES.iter().find_map(|key| item.get(key).and_then(Node::text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::source::Sources;
    use crate::language::yaml;

    fn tree(text: &str) -> Node {
        let mut sources = Sources::default();
        let source = sources.add("t".to_owned(), text.to_owned());
        yaml::read(source, text).unwrap()
    }

    fn set(root: &mut Node, path: &str, value: &str) -> Result<(), String> {
        let change =
            Override { path: path.to_owned(), at: Position::default(), value: tree(value) };
        apply(root, &change).map_err(|diagnostic| diagnostic.message)
    }

    #[test]
    fn elements_are_found_by_position_and_by_name() {
        let mut root = tree("services: [{serviceName: api, n: 1}, {ServiceName: web, n: 2}]");
        set(&mut root, "services.web.n", "7").unwrap();
        set(&mut root, "services[0].n", "8").unwrap();
        set(&mut root, "services.0.load.x", "9").unwrap();
        let services = root.get("services").unwrap();
        assert_eq!(services.item(1).unwrap().get("n").unwrap().value, Value::Integer(7));
        let api = services.item(0).unwrap();
        assert_eq!(api.get("n").unwrap().value, Value::Integer(8));
        assert_eq!(api.get("load").unwrap().get("x").unwrap().value, Value::Integer(9));
    }

    #[test]
    fn paths_that_lead_nowhere_say_where_they_end() {
        let mut root = tree("services: [{serviceName: api, n: 1}]");
        let message = |root: &mut Node, path| set(root, path, "1").unwrap_err();
        assert_eq!(message(&mut root, "services.apy.n"), "`services` has no element `apy`");
        assert_eq!(
            message(&mut root, "services.4.n"),
            "`services` has 1 elements, there is no number 4"
        );
        assert_eq!(
            message(&mut root, "services.api.n.x"),
            "`services.api.n.x` leads nowhere: `services[0].n` is the number `1`"
        );
        assert_eq!(message(&mut root, "a..b"), "`a..b` is not a path");
    }
}
