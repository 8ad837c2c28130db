//! Attributes of container instances.

use std::fmt;

/// `ecs.ami-id`.
pub const AMI_ID: &str = "ecs.ami-id";
/// `ecs.availability-zone`.
pub const AVAILABILITY_ZONE: &str = "ecs.availability-zone";
/// `ecs.instance-type`.
pub const INSTANCE_TYPE: &str = "ecs.instance-type";
/// `ecs.os-type`: `linux` or `windows`.
pub const OS_TYPE: &str = "ecs.os-type";
/// `ecs.os-family`: `LINUX` or an edition of Windows Server.
pub const OS_FAMILY: &str = "ecs.os-family";
/// `ecs.cpu-architecture`: `x86_64` or `arm64`.
pub const CPU_ARCHITECTURE: &str = "ecs.cpu-architecture";
/// `ecs.vpc-id`.
pub const VPC_ID: &str = "ecs.vpc-id";
/// `ecs.subnet-id`.
pub const SUBNET_ID: &str = "ecs.subnet-id";

/// The attributes that ECS gives every instance (developer guide, *Container instance attributes*).
pub const BUILT_IN: [&str; 8] = [
    AMI_ID,
    AVAILABILITY_ZONE,
    INSTANCE_TYPE,
    OS_TYPE,
    OS_FAMILY,
    CPU_ARCHITECTURE,
    VPC_ID,
    SUBNET_ID,
];

/// Characters of an attribute's name and of its value that ECS accepts.
pub const MAX_ATTRIBUTE_LENGTH: usize = 128;

/// Static attributes of the instances of one (Auto Scaling group, zone), and their agent: they share
/// all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Sorted by name; a name occurs once.
    entries: Vec<(Box<str>, Box<str>)>,
    agent_version: Box<str>,
}

impl Attributes {
    /// Sets an attribute, replacing the value it had.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.position(name) {
            Ok(at) => self.entries[at].1 = value.into(),
            Err(at) => self.entries.insert(at, (name.into(), value.into())),
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|at| &*self.entries[at].1)
    }

    /// Sets the version of the container agent, which expressions call `agentVersion`.
    pub fn set_agent_version(&mut self, version: &str) {
        self.agent_version = version.into();
    }

    /// The version of the container agent; empty if none was set.
    pub fn agent_version(&self) -> &str {
        &self.agent_version
    }

    /// Names and values in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (&**name, &**value))
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(it, _)| (**it).cmp(name))
    }
}

/// Why a name or a value is no attribute's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributeError {
    /// Empty or longer than [`MAX_ATTRIBUTE_LENGTH`].
    Length,
    /// A character that a name cannot have.
    NameCharacter(char),
    /// A character that a value cannot have.
    ValueCharacter(char),
    /// A blank at one of the ends of a value.
    OuterBlank,
    /// A name that begins as those that ECS itself gives.
    Reserved,
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "expected 1 to {MAX_ATTRIBUTE_LENGTH} characters"),
            Self::NameCharacter(c) => write!(
                f,
                "an attribute's name has letters, digits and `-_/\\.`, not `{}`",
                c.escape_debug()
            ),
            Self::ValueCharacter(c) => write!(
                f,
                "an attribute's value has letters, digits, blanks and `-_.@/\\:`, not `{}`",
                c.escape_debug()
            ),
            Self::OuterBlank => f.write_str("an attribute's value neither begins nor ends blank"),
            Self::Reserved => {
                f.write_str("names that begin with `ecs.` or `com.amazonaws.ecs.` are given by ECS")
            }
        }
    }
}

impl std::error::Error for AttributeError {}

/// Checks the name of an attribute, built-in or custom (API reference, `Attribute`).
///
/// # Errors
/// Not 1 to 128 letters, digits and `-_/\.`.
pub fn check_attribute_name(name: &str) -> Result<(), AttributeError> {
    check_length(name)?;
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-_/\\.".contains(*c);
    name.chars().find(|c| !allowed(c)).map_or(Ok(()), |c| Err(AttributeError::NameCharacter(c)))
}

/// Checks the name of a custom attribute: also that it is none of those that ECS gives.
///
/// # Errors
/// As [`check_attribute_name`], and for the prefixes of ECS.
pub fn check_custom_name(name: &str) -> Result<(), AttributeError> {
    check_attribute_name(name)?;
    if name.starts_with("ecs.") || name.starts_with("com.amazonaws.ecs.") {
        return Err(AttributeError::Reserved);
    }
    Ok(())
}

/// Checks the value of an attribute (API reference, `Attribute`).
///
/// # Errors
/// Not 1 to 128 letters, digits, `-_.@/\:` and blanks, or a blank at one of the ends.
pub fn check_attribute_value(value: &str) -> Result<(), AttributeError> {
    check_length(value)?;
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-_.@/\\: ".contains(*c);
    if let Some(c) = value.chars().find(|c| !allowed(c)) {
        return Err(AttributeError::ValueCharacter(c));
    }
    if value.trim() != value {
        return Err(AttributeError::OuterBlank);
    }
    Ok(())
}

fn check_length(text: &str) -> Result<(), AttributeError> {
    if text.is_empty() || MAX_ATTRIBUTE_LENGTH < text.chars().count() {
        return Err(AttributeError::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_value() {
        let mut attributes = Attributes::default();
        for (name, value) in [("b", "2"), ("a", "1"), ("b", "3")] {
            attributes.set(name, value);
        }
        assert_eq!(attributes.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!((attributes.get("b"), attributes.get("c")), (Some("3"), None));
    }

    #[test]
    fn names_and_values_follow_the_api() {
        for name in ["stack", "a/b\\c_d-e.9", &"n".repeat(128)] {
            assert_eq!(check_custom_name(name), Ok(()), "{name}");
        }
        assert_eq!(check_attribute_name(""), Err(AttributeError::Length));
        assert_eq!(check_attribute_name(&"n".repeat(129)), Err(AttributeError::Length));
        assert_eq!(check_attribute_name("a b"), Err(AttributeError::NameCharacter(' ')));
        assert_eq!(check_attribute_name("a:b"), Err(AttributeError::NameCharacter(':')));
        assert_eq!(check_custom_name("ecs.ami-id"), Err(AttributeError::Reserved));
        assert_eq!(check_custom_name("com.amazonaws.ecs.x"), Err(AttributeError::Reserved));
        for value in ["prod", "a@b:/c d.e", &"v".repeat(128)] {
            assert_eq!(check_attribute_value(value), Ok(()), "{value}");
        }
        assert_eq!(check_attribute_value(""), Err(AttributeError::Length));
        assert_eq!(check_attribute_value("a+b"), Err(AttributeError::ValueCharacter('+')));
        assert_eq!(check_attribute_value("é"), Err(AttributeError::ValueCharacter('é')));
        assert_eq!(check_attribute_value(" a"), Err(AttributeError::OuterBlank));
        assert_eq!(check_attribute_value("a "), Err(AttributeError::OuterBlank));
    }
}
