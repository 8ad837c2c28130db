use std::path::Path;

/// Set this to write the schema anew after a change of the language.
const UPDATE: &str = "PLIMSOLL_UPDATE_SCHEMA";

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/plimsoll.schema.json");
    let mut generated = serde_json::to_string_pretty(&plimsoll::language::json_schema()).unwrap();
    generated.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is not current: run the test with {UPDATE}=1",
        path.display()
    );
}
