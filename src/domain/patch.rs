//! One field of a change: left as it is, cleared, or set. For actions that change a row, and the doors that read them.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// What a change says about a field: nothing, "no value" (`null`), or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// The field after the change, where it may be empty.
    #[must_use]
    pub fn over(self, held: Option<T>) -> Option<T> {
        match self {
            Self::Keep => held,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The field after the change, where clearing it means `T`'s empty value; a rule may then say that it is required.
    #[must_use]
    pub fn onto(self, held: T) -> T
    where
        T: Default,
    {
        self.over(Some(held)).unwrap_or_default()
    }

    /// `None` where nothing was said, `Some(None)` for "no value".
    #[must_use]
    pub fn given(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }

    #[must_use]
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Keep)
    }
}

/// Every such field needs `#[serde(default)]`; without it, one that is left out is refused as missing.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        // Not read as an option, else serde would take a field that is left out for `null`.
        input.deserialize_newtype_struct("Patch", Given(PhantomData))
    }
}

struct Given<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Given<T> {
    type Value = Patch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, input: D) -> Result<Patch<T>, D::Error> {
        Ok(Option::deserialize(input)?.map_or(Patch::Clear, Patch::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out_null_and_a_value_are_three_things() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default)]
            mailbox: Patch<String>,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read into")]
        struct Forgetful {
            mailbox: Patch<String>,
        }
        let read = |text: &str| serde_json::from_str::<Change>(text).unwrap().mailbox;
        assert_eq!(read("{}").over(Some("a".to_owned())), Some("a".to_owned()));
        assert_eq!(read(r#"{"mailbox":null}"#).over(Some("a".to_owned())), None);
        assert_eq!(read(r#"{"mailbox":"b"}"#).over(Some("a".to_owned())), Some("b".to_owned()));
        assert!(serde_json::from_str::<Forgetful>("{}").is_err());
        assert_eq!(Patch::<String>::Clear.onto("a".to_owned()), "");
    }
}
