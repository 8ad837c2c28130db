//! Any bytes as an expression of the cluster query language: no panic, no hang, and what parses is
//! evaluated, printed and parsed again to the same.
//!
//! `cargo +nightly fuzz run query -- -timeout=5 -rss_limit_mb=2048 -max_len=2100 -dict=query.dict`

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::placement::{Attributes, Expression, InstanceFacts};

struct Instance {
    attributes: Attributes,
    index: u32,
}

impl InstanceFacts for Instance {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }
    fn agent_connected(&self) -> bool {
        self.index != 1
    }
    fn agent_version(&self) -> &str {
        ["1.14.5", "1.9", "broken"][self.index as usize]
    }
    fn ec2_instance_id(&self) -> Cow<'_, str> {
        Cow::Owned(format!("i-{:017x}", self.index))
    }
    fn registered_at(&self) -> i64 {
        1_529_360_908 + i64::from(self.index)
    }
    fn running_tasks_count(&self) -> u32 {
        self.index
    }
    fn hosts_group(&self, group: &str) -> bool {
        self.index == 2 && group == "service:web"
    }
}

fn instances() -> [Instance; 3] {
    let values = [
        [("ecs.instance-type", "t2.small"), ("stack", "prod"), ("rank", "10")],
        [("ecs.instance-type", "m7g.16xlarge"), ("stack", "a b"), ("rank", "-0.5")],
        [("ecs.availability-zone", "us-east-1a"), ("a", "a"), ("rank", "x")],
    ];
    [0, 1, 2].map(|index| {
        let mut attributes = Attributes::default();
        for (name, value) in values[index as usize] {
            attributes.set(name, value);
        }
        Instance { attributes, index }
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(text.get(error.span()).is_some(), "the span is not inside the text");
            return;
        }
    };
    let printed = expression.to_string();
    let again = match Expression::parse(&printed) {
        Ok(again) => Some(again),
        // The canonical spelling has quotes and blanks that the text may not have had.
        Err(_) if 2000 < printed.chars().count() => None,
        Err(error) => panic!("`{printed}` does not parse: {error}"),
    };
    for instance in instances() {
        let answer = expression.matches(&instance);
        if let Some(shared) = expression.evaluate_static(&instance.attributes) {
            assert_eq!(shared, answer, "the static answer differs");
        }
        if let Some(again) = &again {
            assert_eq!(again.matches(&instance), answer, "the printed expression differs");
        }
    }
    if let Some(again) = again {
        assert_eq!(again, expression, "`{printed}` is another expression");
    }
});
