//! Bodies and queries into typed values. What doesn't fit becomes faults of the catalogue, each with its place; as many
//! at once as can be told apart.

use crate::domain::refusal::{Arg, Code, Fault, Place, Refusal};
use crate::domain::words::nearest;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};
use std::fmt;

/// Faults told at once.
const FAULTS: usize = 20;

/// A JSON body as a `T`.
///
/// # Errors
/// The faults by pointer.
pub(super) fn from_json<T: DeserializeOwned>(mut body: Value) -> Result<T, Refusal> {
    let mut faults = Vec::new();
    let mut taken_out: Vec<Vec<String>> = Vec::new();
    loop {
        let misfit = match T::deserialize(Node(&body)) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => return Err(Refusal::invalid(faults)),
            Err(misfit) => misfit,
        };
        let mut path = misfit.path();
        // What was taken out to look further is missing now; that is no fault of its own.
        if !taken_out.contains(&path) {
            faults.push(misfit.fault(Place::Pointer(pointer(&path))));
        }
        // Then what holds it goes, up to the whole.
        while !path.is_empty() && (taken_out.contains(&path) || !take_out(&mut body, &path)) {
            path.pop();
        }
        if path.is_empty() || faults.len() == FAULTS {
            return Err(Refusal::invalid(faults));
        }
        taken_out.push(path);
    }
}

/// Query parameters as a `T`: a list where a name may be repeated, else one value.
///
/// # Errors
/// The faults by parameter.
pub(super) fn from_query<T: DeserializeOwned>(mut pairs: Vec<(String, Vec<String>)>) -> Result<T, Refusal> {
    let mut faults = Vec::new();
    loop {
        let misfit = match T::deserialize(Query(&pairs)) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => return Err(Refusal::invalid(faults)),
            Err(misfit) => misfit,
        };
        let name = misfit.path().into_iter().next().unwrap_or_default();
        let held = pairs.len();
        pairs.retain(|(given, _)| *given != name);
        // A parameter that is needed and was at fault before is told once.
        let told = |fault: &Fault| fault.place == Place::Parameter(name.clone());
        if !faults.iter().any(told) {
            faults.push(misfit.fault(Place::Parameter(name.clone())));
        }
        if pairs.len() == held || faults.len() == FAULTS {
            return Err(Refusal::invalid(faults));
        }
    }
}

/// RFC 6901.
fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |pointer, part| pointer + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

/// Removes a member of an object, so that the rest can be looked at.
fn take_out(body: &mut Value, path: &[String]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let mut node = body;
    for part in above {
        let below = match node {
            Value::Object(members) => members.get_mut(part),
            Value::Array(items) => part.parse().ok().and_then(|at: usize| items.get_mut(at)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        let Some(below) = below else { return false };
        node = below;
    }
    node.as_object_mut().is_some_and(|members| members.shift_remove(last).is_some())
}

/// The hint of a fault about an unknown name.
pub(super) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Arg {
    nearest(name, known).map_or_else(
        || Arg::from(""),
        |near| Arg::both(format!("（是否想写 {near}？）"), format!(" (did you mean {near}?)")),
    )
}

/// The first thing that doesn't fit.
#[derive(Debug)]
struct Misfit {
    /// From the inside out.
    reversed: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    Unknown {
        name: String,
        known: &'static [&'static str],
    },
    Required,
    Repeated(String),
    Choice(&'static [&'static str]),
    Date,
    Instant,
    Time,
    Id,
    Control,
    /// What the type says it expects.
    Expected(String),
    /// What a type's own reader said.
    Other(String),
}

impl Misfit {
    fn new(what: What) -> Self {
        Self { reversed: Vec::new(), what }
    }

    fn under(mut self, part: impl Into<String>) -> Self {
        self.reversed.push(part.into());
        self
    }

    fn path(&self) -> Vec<String> {
        self.reversed.iter().rev().cloned().collect()
    }

    fn fault(self, place: Place) -> Fault {
        match self.what {
            What::Unknown { name, known } => Fault::new(place, Code::FieldUnknown)
                .with("hint", hint(&name, known.iter().copied()))
                .with("name", name),
            What::Required => Fault::new(place, Code::FieldRequired),
            What::Repeated(value) => Fault::new(place, Code::FieldDuplicate).with("value", value),
            What::Choice(choices) => Fault::new(place, Code::FieldChoice).with("choices", choices.join(", ")),
            What::Date => Fault::new(place, Code::FieldDate),
            What::Instant => Fault::new(place, Code::FieldInstant),
            What::Time => Fault::new(place, Code::FieldTime),
            What::Id => Fault::new(place, Code::FieldId),
            What::Control => Fault::new(place, Code::FieldControl),
            What::Expected(text) => Fault::new(place, Code::FieldType).with("expected", words(&text)),
            What::Other(reason) => Fault::new(place, Code::FieldFormat).with("reason", reason),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.what, pointer(&self.path()))
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Other(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(expectation(expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(expectation(expected.to_string()))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(What::Expected(expected.to_string()))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Choice(expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Unknown { name: field.to_owned(), known: expected }).under(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Required).under(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(What::Repeated(field.to_owned())).under(field)
    }
}

/// Types tell what they expect only in words; these are the ones whose faults have a code of their own.
fn expectation(text: String) -> What {
    match text.as_str() {
        "a formatted date string" => What::Date,
        "an instant (RFC 3339)" => What::Instant,
        "a formatted time string" => What::Time,
        "a formatted UUID string" | "a UUID string" => What::Id,
        _ => What::Expected(text),
    }
}

fn words(expected: &str) -> Arg {
    match expected {
        "a string" | "a borrowed string" => Arg::both("文字", "text"),
        "a boolean" => Arg::both(" true 或 false", "true or false"),
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => Arg::both("整数", "a whole number"),
        "f32" | "f64" => Arg::both("数字", "a number"),
        text if text.starts_with("a sequence") => Arg::both("列表", "a list"),
        text if text.starts_with("struct ") || text == "a map" => Arg::both("对象", "an object"),
        text => Arg::from(text),
    }
}

struct Wanted<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Wanted<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// Dates, instants and ids come this way; a plain text doesn't.
fn visit_formatted<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value, Misfit> {
    let wanted = expectation(Wanted(&visitor).to_string());
    if text.contains('\0') {
        return Err(Misfit::new(What::Control));
    }
    if matches!(wanted, What::Date) && !is_date(text) {
        return Err(Misfit::new(What::Date));
    }
    visitor.visit_borrowed_str(text).map_err(|misfit: Misfit| match (&misfit.what, &wanted) {
        (What::Other(_), What::Date | What::Instant | What::Time | What::Id) => Misfit::new(wanted),
        _ => misfit,
    })
}

/// `2021-08-27` and no other way of writing it.
fn is_date(text: &str) -> bool {
    let mut bytes = text.bytes().enumerate();
    text.len() == 10 && bytes.all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

fn visit_text<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value, Misfit> {
    // PostgreSQL can't keep it, and nothing that people write holds it.
    if text.contains('\0') { Err(Misfit::new(What::Control)) } else { visitor.visit_borrowed_str(text) }
}

/// One value of a JSON body.
#[derive(Clone, Copy)]
struct Node<'de>(&'de Value);

fn wrong<'de, V: Visitor<'de>>(visitor: &V) -> Misfit {
    Misfit::new(expectation(Wanted(visitor).to_string()))
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(whole) = number.as_u64() {
                    visitor.visit_u64(whole)
                } else if let Some(whole) = number.as_i64() {
                    visitor.visit_i64(whole)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visit_text(text, visitor),
            Value::Array(items) => visitor.visit_seq(Items { rest: items.iter(), at: 0 }),
            Value::Object(members) => visitor.visit_map(Members { rest: members.iter(), next: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(text) => visit_formatted(text, visitor),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(wrong(&visitor))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        // serde would take an array as the fields in their order.
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(wrong(&visitor)) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let text = self.0.as_str().ok_or_else(|| Misfit::new(What::Choice(variants)))?;
        let word: StrDeserializer<'_, Misfit> = text.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier ignored_any
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Value>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Node(item)).map(Some).map_err(|misfit| misfit.under(at.to_string()))
    }
}

struct Members<'de> {
    rest: serde_json::map::Iter<'de>,
    next: Option<(&'de String, &'de Value)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else { return Ok(None) };
        let name: StrDeserializer<'de, Misfit> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some((name, value)) = self.next.take() else { return Err(Misfit::new(What::Required)) };
        seed.deserialize(Node(value)).map_err(|misfit| misfit.under(name))
    }
}

/// All parameters of a query.
#[derive(Clone, Copy)]
struct Query<'de>(&'de [(String, Vec<String>)]);

impl<'de> Deserializer<'de> for Query<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(Parameters { rest: self.0.iter(), next: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Parameters<'de> {
    rest: std::slice::Iter<'de, (String, Vec<String>)>,
    next: Option<&'de (String, Vec<String>)>,
}

impl<'de> MapAccess<'de> for Parameters<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else { return Ok(None) };
        let name: StrDeserializer<'de, Misfit> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some((name, values)) = self.next.take() else { return Err(Misfit::new(What::Required)) };
        seed.deserialize(Texts(values)).map_err(|misfit| misfit.under(name))
    }
}

/// The values of one parameter.
#[derive(Clone, Copy)]
struct Texts<'de>(&'de [String]);

impl<'de> Texts<'de> {
    fn only(self) -> Result<&'de str, Misfit> {
        match self.0 {
            [one] => Ok(one),
            [] => Err(Misfit::new(What::Required)),
            [.., last] => Err(Misfit::new(What::Repeated(last.clone()))),
        }
    }
}

/// Numbers and truth values are written as text in a query.
macro_rules! parsed {
    ($($method:ident $visit:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.only()?.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Misfit::new(What::Expected(Wanted(&visitor).to_string()))),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Texts<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visit_text(self.only()?, visitor)
    }

    parsed! {
        deserialize_bool visit_bool, deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32,
        deserialize_u64 visit_u64, deserialize_f32 visit_f32, deserialize_f64 visit_f64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visit_formatted(self.only()?, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let word: StrDeserializer<'_, Misfit> = self.only()?.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_seq(Each(self.0.chunks(1)))
    }

    forward_to_deserialize_any! {
        char string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

struct Each<'de>(std::slice::Chunks<'de, String>);

impl<'de> SeqAccess<'de> for Each<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.0.next().map(|one| seed.deserialize(Texts(one))).transpose()
    }
}

/// An empty body is an empty object: acts without anything to say need none.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::AttachmentId;
    use crate::domain::instant::Instant;
    use crate::domain::vocabulary::UnitKind;
    use crate::domain::words::Lang;
    use chrono::NaiveDate;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Letter {
        title: String,
        percent: Option<u8>,
        done: Option<bool>,
        on: Option<NaiveDate>,
        at: Option<Instant>,
        kind: Option<UnitKind>,
        files: Vec<AttachmentId>,
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Item {
        cause: String,
        on: NaiveDate,
    }

    fn faults(body: &str) -> Vec<String> {
        let refusal = from_json::<Letter>(serde_json::from_str(body).unwrap()).unwrap_err();
        told(&refusal)
    }

    fn told(refusal: &Refusal) -> Vec<String> {
        let line = |fault: &Fault| {
            let (Place::Pointer(place) | Place::Parameter(place)) = &fault.place else { return String::new() };
            format!("{place} {} {}", fault.code.as_str(), fault.detail(Lang::En))
        };
        refusal.faults.iter().map(line).collect()
    }

    #[test]
    fn every_fault_of_a_body_has_its_place_and_its_code() {
        let body = r#"{"titel": 1, "title": 1, "percent": 300, "done": "yes", "on": "2021-02-30", "at": "2021-08-16",
            "kind": "town", "files": ["x"]}"#;
        assert_eq!(
            faults(body),
            [
                "/titel field.unknown There is no field titel (did you mean title?).",
                "/title field.type Must be text.",
                "/percent field.type Must be a whole number.",
                "/done field.type Must be true or false.",
                "/on field.date Write a real date like 2021-08-27.",
                "/at field.instant Write 2021-08-16T09:00:00+08:00, with its offset.",
                "/kind field.choice Choose one of county, district, city, zone, department, office, other, group.",
                "/files/0 field.id Must be a UUID.",
            ]
        );
    }

    #[test]
    fn faults_inside_lists_point_at_the_item() {
        assert_eq!(
            faults(r#"{"items": [{"cause": "a", "on": "2021-08-27"}, {"cause": "b", "a/b": 1, "on": "2021-8-27"}]}"#),
            [
                "/items/1/a~1b field.unknown There is no field a/b.",
                "/items/1/on field.date Write a real date like 2021-08-27.",
            ]
        );
        assert_eq!(faults(r#"{"items": [{"cause": "a"}]}"#), ["/items/0/on field.required This is required."]);
        assert_eq!(
            faults(r#"{"items": [{"cause": 1, "on": ""}], "done": 1}"#),
            [
                "/items/0/cause field.type Must be text.",
                "/items/0/on field.date Write a real date like 2021-08-27.",
                "/done field.type Must be true or false.",
            ]
        );
        assert_eq!(faults(r#"{"items": {}}"#), ["/items field.type Must be a list."]);
        assert_eq!(faults(r#"{"items": [["a", "2021-08-27"]]}"#), ["/items/0 field.type Must be an object."]);
        assert_eq!(faults("[]"), [" field.type Must be an object."]);
        assert_eq!(faults(r#"{"title": "a\u0000"}"#).len(), 1);
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Filter {
        kind: Vec<UnitKind>,
        active: Option<bool>,
        from: Option<NaiveDate>,
        q: Option<String>,
    }

    fn pairs(list: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        list.iter().map(|(name, values)| ((*name).to_owned(), texts(values))).collect()
    }

    #[test]
    fn a_repeated_parameter_is_a_list_where_one_is_wanted() {
        let filter: Filter =
            from_query(pairs(&[("kind", &["county", "zone"]), ("active", &["true"]), ("from", &["2021-08-27"])]))
                .unwrap();
        assert_eq!(filter.kind, [UnitKind::County, UnitKind::Zone]);
        assert_eq!((filter.active, filter.from), (Some(true), NaiveDate::from_ymd_opt(2021, 8, 27)));
        let wrong = from_query::<Filter>(pairs(&[
            ("kinds", &["county"]),
            ("kind", &["county", "town"]),
            ("active", &["true", "false"]),
            ("from", &["2021-02-30"]),
        ]));
        assert_eq!(
            told(&wrong.unwrap_err()),
            [
                "kinds field.unknown There is no field kinds (did you mean kind?).",
                "kind field.choice Choose one of county, district, city, zone, department, office, other, group.",
                "active field.duplicate false stands here more than once.",
                "from field.date Write a real date like 2021-08-27.",
            ]
        );
        let wrong = from_query::<Filter>(pairs(&[("active", &["yes"])])).unwrap_err();
        assert_eq!(told(&wrong), ["active field.type Must be true or false."]);
    }
}
