//! The scenario language from the outside: what loads, what it becomes, what is refused and how.
#![allow(clippy::unwrap_used)]

#[path = "language/bad_inputs.rs"]
mod bad_inputs;
#[path = "language/good.rs"]
mod good;
#[path = "language/group_policies.rs"]
mod group_policies;
#[path = "language/guide.rs"]
mod guide;
#[path = "language/mutations.rs"]
mod mutations;
#[path = "language/policies.rs"]
mod policies;
#[path = "language/queues.rs"]
mod queues;
#[path = "language/schema.rs"]
mod schema;
