//! A document: read once, resolved as often as a sweep needs.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use plimsoll_core::placement::StrategyRegistry;
use plimsoll_core::scenario::Scenario;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::lower::{self, task_definition::TaskDefinitionFacts};
use super::note::Note;
use super::overrides::{self, Override};
use super::raw::ScenarioDocument;
use super::source::{SourceId, Sources, read_text};
use super::store::TraceStore;
use super::sweep::{self, SweepSpec};
use super::tree::{Entry, Node, Path, Position, Value, same_key, shorten};
use super::validate::validate;
use super::{json, yaml};

/// Name of the pseudo file that `--set` values come from.
const SET: &str = "--set";
/// Changes by `--set` at most.
const MOST_SETS: usize = 1000;
/// Task definitions at most, as in the schema.
const MOST_TASK_DEFINITIONS: usize = 1000;

/// How a scenario is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Changes: path and value, the value in YAML.
    pub set: Vec<(String, String)>,
    /// Replaces the scenario's seed.
    pub seed: Option<u64>,
}

/// A scenario with everything that is known about its document.
#[derive(Debug)]
pub struct Loaded {
    /// The document with the changes of [`LoadOptions::set`].
    pub document: Document,
    /// The scenario, replication 0.
    pub scenario: Scenario,
    /// What is to be compared, if anything.
    pub sweep: Option<SweepSpec>,
    /// What was accepted without effect.
    pub notes: Vec<Note>,
    /// The scenario after defaults and changes, without the sweep: equal scenarios are equal here,
    /// however they are written. The contents of trace files are not part of it.
    pub canonical: serde_json::Value,
}

/// One point of a sweep, or the scenario itself.
#[derive(Debug)]
pub struct Resolved {
    /// The scenario.
    pub scenario: Scenario,
    /// What was accepted without effect.
    pub notes: Vec<Note>,
    /// See [`Loaded::canonical`].
    pub canonical: serde_json::Value,
}

/// A document in memory with the files it refers to.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
    sources: Sources,
    traces: Arc<TraceStore>,
    strategies: Arc<StrategyRegistry>,
    folder: PathBuf,
    seed: Option<u64>,
}

/// Loads a scenario.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &FilePath, options: &LoadOptions) -> Result<Loaded, Diagnostics> {
    load_with(path, options, StrategyRegistry::default())
}

/// Loads a scenario that may name placement strategies of one's own (`type: custom`).
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_with(
    path: &FilePath,
    options: &LoadOptions,
    strategies: StrategyRegistry,
) -> Result<Loaded, Diagnostics> {
    let mut document = Document::read(path)?;
    document.strategies = Arc::new(strategies);
    document.seed = options.seed;
    document.set(&options.set)?;
    let (raw, resolved) = document.resolve_node(&document.root, &document.sources, None, 0)?;
    let sweep = match &raw.sweep {
        Some(raw) => Some(document.sweep(raw)?),
        None => None,
    };
    let Resolved { scenario, notes, canonical } = resolved;
    Ok(Loaded { document, scenario, sweep, notes, canonical })
}

/// What a task definition in a JSON file says about sizes.
///
/// # Errors
/// Everything that is wrong with it.
pub fn task_definition_facts(path: &FilePath) -> Result<TaskDefinitionFacts, Diagnostics> {
    let mut sources = Sources::default();
    let at = Position::default();
    let mut found = Vec::new();
    let folder = PathBuf::new();
    let node = read_task_definition(&mut sources, &folder, path, at, &Path::root(), &mut found);
    let definitions = match node {
        Some(node) => vec![node],
        None => return Err(Diagnostics::new(sources, found)),
    };
    // The smallest document around it, so that there is one way to check a definition.
    let entry =
        |key: &str, value| Entry { key: key.to_owned(), key_at: at, node: Node::new(value, at) };
    let root = Node::new(
        Value::Mapping(vec![
            entry("name", Value::Text("facts".to_owned())),
            entry("duration", Value::Text("1h".to_owned())),
            entry("taskDefinitions", Value::Sequence(definitions)),
        ]),
        at,
    );
    let checked = validate(&root);
    if !checked.diagnostics.is_empty() {
        return Err(Diagnostics::new(sources, checked.diagnostics));
    }
    let raw = deserialize(&checked.node)
        .map_err(|diagnostic| Diagnostics::new(sources.clone(), vec![*diagnostic]))?;
    match raw.task_definitions.first() {
        Some(definition) => Ok(TaskDefinitionFacts::of(definition)),
        None => Err(Diagnostics::new(sources, found)),
    }
}

impl Loaded {
    /// The scenario of one point of the sweep: for each parameter the position of its alternative.
    ///
    /// # Errors
    /// Everything that is wrong with that combination.
    pub fn point(&self, choice: &[usize], replication: u64) -> Result<Resolved, Diagnostics> {
        let parameters = self.sweep.iter().flat_map(|sweep| &sweep.parameters);
        let changes: Vec<Override> = parameters
            .zip(choice)
            .filter_map(|(parameter, index)| parameter.alternatives.get(*index))
            .flat_map(|alternative| alternative.overrides.iter().cloned())
            .collect();
        self.document.resolve(&changes, None, replication)
    }
}

impl Document {
    fn read(path: &FilePath) -> Result<Self, Diagnostics> {
        let mut sources = Sources::default();
        let name = path.display().to_string();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(message) => {
                let source = sources.add(name, String::new());
                let at = Position { source, line: 0, column: 0 };
                let diagnostic = Diagnostic::new(at, &Path::root(), message);
                return Err(Diagnostics::new(sources, vec![diagnostic]));
            }
        };
        let source = sources.add(name, text);
        let read = parse(path, source, sources.text(source));
        let root = match read {
            Ok(root) => root,
            Err(diagnostic) => return Err(Diagnostics::new(sources, vec![*diagnostic])),
        };
        let folder = path.parent().map(FilePath::to_path_buf).unwrap_or_default();
        let traces = Arc::new(TraceStore::new(folder.clone()));
        let mut document = Self {
            root,
            sources,
            traces,
            strategies: Arc::new(StrategyRegistry::default()),
            folder,
            seed: None,
        };
        document.include_files()?;
        Ok(document)
    }

    /// Puts the task definitions that are in files of their own into the tree, so that paths reach
    /// them and their mistakes are found where they are.
    fn include_files(&mut self) -> Result<(), Diagnostics> {
        let mut found = Vec::new();
        let path = Path::root().key("taskDefinitions");
        let Value::Mapping(entries) = &mut self.root.value else { return Ok(()) };
        let Some(list) = entries.iter_mut().find(|entry| same_key(&entry.key, "taskDefinitions"))
        else {
            return Ok(());
        };
        let Value::Sequence(items) = &mut list.node.value else { return Ok(()) };
        // What follows is refused by the schema.
        for (index, item) in items.iter_mut().take(MOST_TASK_DEFINITIONS).enumerate() {
            let Some(file) = item.get("file") else { continue };
            let Some(name) = file.text() else { continue };
            let path = path.index(index).key("file");
            let name = PathBuf::from(name);
            let read = read_task_definition(
                &mut self.sources,
                &self.folder,
                &name,
                file.at,
                &path,
                &mut found,
            );
            if let Some(Value::Mapping(from_file)) = read.map(|node| node.value) {
                merge(item, from_file);
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Diagnostics::new(self.sources.clone(), found)) }
    }

    /// Applies `--set` changes for good.
    fn set(&mut self, changes: &[(String, String)]) -> Result<(), Diagnostics> {
        let mut found = Vec::new();
        let mut text = String::new();
        let mut parsed = Vec::new();
        for (index, (path, value)) in changes.iter().take(MOST_SETS).enumerate() {
            text.extend([path.as_str(), "=", value.as_str(), "\n"]);
            parsed.push((index, path, value));
        }
        let source = self.sources.add(SET.to_owned(), text);
        for (index, path, value) in parsed {
            let at = Position { source, line: index as u32 + 1, column: 1 };
            let column = u32::try_from(path.chars().count()).unwrap_or(0) + 2;
            let start = Position { column, ..at };
            match parse_value(value, source, start) {
                Ok(value) => {
                    let change = Override { path: path.clone(), at, value };
                    if let Err(diagnostic) = overrides::apply(&mut self.root, &change) {
                        found.push(*diagnostic);
                    }
                }
                Err(diagnostic) => found.push(*diagnostic),
            }
        }
        if MOST_SETS < changes.len() {
            let at = Position { source, line: 0, column: 0 };
            let message = format!("at most {MOST_SETS} changes are allowed");
            found.push(Diagnostic::new(at, &Path::root(), message));
        }
        if found.is_empty() { Ok(()) } else { Err(Diagnostics::new(self.sources.clone(), found)) }
    }

    fn sweep(&self, raw: &super::raw::sweep::Sweep) -> Result<SweepSpec, Diagnostics> {
        let spec = sweep::lower(raw, &self.root)
            .map_err(|found| Diagnostics::new(self.sources.clone(), found))?;
        let mut found = Vec::new();
        for alternative in spec.parameters.iter().flat_map(|parameter| &parameter.alternatives) {
            let mut root = self.root.clone();
            for change in &alternative.overrides {
                if let Err(diagnostic) = overrides::apply(&mut root, change) {
                    found.push(*diagnostic);
                }
            }
        }
        if found.is_empty() { Ok(spec) } else { Err(Diagnostics::new(self.sources.clone(), found)) }
    }

    /// The scenario with changes, for one replication. Traces are read once for all calls.
    ///
    /// # Errors
    /// Everything that is wrong with the changed document.
    pub fn resolve(
        &self,
        changes: &[Override],
        seed: Option<u64>,
        replication: u64,
    ) -> Result<Resolved, Diagnostics> {
        let mut root = self.root.clone();
        let mut found = Vec::new();
        for change in changes {
            if let Err(diagnostic) = overrides::apply(&mut root, change) {
                found.push(*diagnostic);
            }
        }
        if !found.is_empty() {
            return Err(Diagnostics::new(self.sources.clone(), found));
        }
        self.resolve_node(&root, &self.sources, seed, replication).map(|it| it.1)
    }

    /// The texts behind the positions in this document.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    fn resolve_node(
        &self,
        root: &Node,
        sources: &Sources,
        seed: Option<u64>,
        replication: u64,
    ) -> Result<(ScenarioDocument, Resolved), Diagnostics> {
        let fail = |found| Diagnostics::new(sources.clone(), found);
        let checked = validate(root);
        if !checked.diagnostics.is_empty() {
            return Err(fail(checked.diagnostics));
        }
        let mut raw = deserialize(&checked.node).map_err(|diagnostic| fail(vec![*diagnostic]))?;
        let seed = seed.or(self.seed).unwrap_or(raw.seed.0);
        raw.seed.0 = seed;
        raw.record_interval = Some(raw.record_interval());
        let (scenario, more) =
            lower::lower(&raw, &checked.node, (&self.traces, &self.strategies), seed, replication)
                .map_err(fail)?;
        let mut notes = checked.notes;
        notes.extend(more);
        notes.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
        let canonical = serde_json::to_value(&raw).unwrap_or_default();
        Ok((raw, Resolved { scenario, notes, canonical }))
    }
}

/// Reads a checked tree with serde. The schema is generated from the same types, so that this fails
/// only where a type is stricter than its schema.
fn deserialize(node: &Node) -> Result<ScenarioDocument, Box<Diagnostic>> {
    serde_json::from_value(node.to_json()).map_err(|error| {
        Box::new(Diagnostic::new(node.at, &Path::root(), shorten(&error.to_string())))
    })
}

fn parse(path: &FilePath, source: SourceId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if json { json::read(source, text) } else { yaml::read(source, text) }
}

/// A value of `--set`; positions inside it are moved to where it stands in the pseudo file.
fn parse_value(text: &str, source: SourceId, start: Position) -> Result<Node, Box<Diagnostic>> {
    if text.trim().is_empty() {
        return Ok(Node::new(Value::Null, start));
    }
    match yaml::read(source, text) {
        Ok(mut node) => {
            place(&mut node, start);
            Ok(node)
        }
        Err(mut diagnostic) => {
            diagnostic.at = start;
            Err(diagnostic)
        }
    }
}

fn place(node: &mut Node, at: Position) {
    node.at = at;
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| place(item, at)),
        Value::Mapping(entries) => {
            for entry in entries {
                entry.key_at = at;
                place(&mut entry.node, at);
            }
        }
        _ => {}
    }
}

/// Reads a task definition from a file: the definition itself, or a reply with `taskDefinition`.
fn read_task_definition(
    sources: &mut Sources,
    folder: &FilePath,
    name: &FilePath,
    at: Position,
    path: &Path,
    found: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let file = folder.join(name);
    let text = match read_text(&file) {
        Ok(text) => text,
        Err(message) => {
            found.push(Diagnostic::new(at, path, format!("`{}`: {message}", name.display())));
            return None;
        }
    };
    let source = sources.add(file.display().to_string(), text);
    let node = match parse(name, source, sources.text(source)) {
        Ok(node) => node,
        Err(diagnostic) => {
            found.push(*diagnostic);
            return None;
        }
    };
    let node = match node.get("taskDefinition") {
        Some(inner) => inner.clone(),
        None => node,
    };
    if !matches!(node.value, Value::Mapping(_)) {
        let message = format!("expected a task definition, found {}", node.value);
        found.push(Diagnostic::new(node.at, &Path::root(), message));
        return None;
    }
    Some(node)
}

/// Adds what the file says where the document says nothing.
fn merge(item: &mut Node, from_file: Vec<Entry>) {
    let Value::Mapping(entries) = &mut item.value else { return };
    for entry in from_file {
        if !entries.iter().any(|own| same_key(&own.key, &entry.key)) {
            entries.push(entry);
        }
    }
}
