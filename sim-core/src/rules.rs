//! Constants of AWS that change over time, keyed by date.

/// One dated set of constants.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Name in scenarios, for example `2026-06`.
    pub name: &'static str,
}
