//! Objects of a configuration, read by hand: what serde derives is two or three times as large.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

#[doc(hidden)]
pub use serde;

/// Reads a struct from an object with these fields and no others, each of them once, as serde derives it with
/// `deny_unknown_fields`, in a third of the bytes.
///
/// The fields in the first braces must be there. Those in the second may be left out; they are the `Default` of their type
/// then. With `default` in front all may, and what is left out is as in the `Default` of the struct. `as "name"` is the name of
/// a field where it is not that of the struct.
///
/// ```
/// use schemars::JsonSchema;
///
/// /// The schema is told the same in schemars' words.
/// #[derive(JsonSchema)]
/// #[schemars(deny_unknown_fields)]
/// struct Limit {
///     requests: u32,
///     #[schemars(default, rename = "for")]
///     who: String,
/// }
///
/// tamis_core::record!(Limit { requests } { who as "for" });
///
/// let limit: Limit = serde_json::from_str(r#"{"requests": 3}"#)?;
/// assert_eq!((limit.requests, limit.who.as_str()), (3, ""));
/// assert!(serde_json::from_str::<Limit>(r#"{"for": "all"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! record {
    ($type:ident default { $($field:ident $(as $name:literal)?),* $(,)? }) => {
        $crate::record!(@impl $type { $($field $(as $name)?),* } map names {
            let mut read = <$type as ::core::default::Default>::default();
            while let Some(place) = map.next_key_seed(&mut names)? {
                $(if place == Field::$field as usize {
                    read.$field = map.next_value()?;
                })*
            }
            Ok(read)
        });
    };
    (
        $type:ident { $($field:ident $(as $name:literal)?),* $(,)? }
        $({ $($optional:ident $(as $optional_name:literal)?),* $(,)? })?
    ) => {
        $crate::record!(@impl $type {
            $($field $(as $name)?,)* $($($optional $(as $optional_name)?),*)?
        } map names {
            $(let mut $field = None;)*
            $($(let mut $optional = None;)*)?
            while let Some(place) = map.next_key_seed(&mut names)? {
                $(if place == Field::$field as usize {
                    $field = Some(map.next_value()?);
                })*
                $($(if place == Field::$optional as usize {
                    $optional = Some(map.next_value()?);
                })*)?
            }
            Ok($type {
                $($field: $field.ok_or_else(|| names.missing(Field::$field as usize))?,)*
                $($($optional: $optional.unwrap_or_default(),)*)?
            })
        });
    };
    (@impl $type:ident { $($field:ident $(as $name:literal)?),* $(,)? } $map:ident $names:ident $read:block) => {
        const _: () = {
            use $crate::record::serde::de;
            #[allow(non_camel_case_types, reason = "the fields by their own names")]
            enum Field { $($field),* }
            const NAMES: &[&str] = &[$($crate::record!(@name $field $($name)?)),*];
            struct Fields;
            impl<'de> de::Visitor<'de> for Fields {
                type Value = $type;
                fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str("an object")
                }
                #[cold]
                #[inline(never)]
                fn visit_map<A: de::MapAccess<'de>>(
                    self,
                    mut $map: A,
                ) -> ::core::result::Result<$type, A::Error> {
                    let mut $names = $crate::record::Names::new(NAMES);
                    $read
                }
            }
            impl<'de> de::Deserialize<'de> for $type {
                fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                    deserializer.deserialize_struct(stringify!($type), NAMES, Fields)
                }
            }
        };
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}

/// The names of an object's fields, at most 32, and which of them have been met. A key is read to its place in them.
#[derive(Debug)]
pub struct Names {
    names: &'static [&'static str],
    met: u32,
}

impl Names {
    /// Of which none has been met.
    #[must_use]
    pub fn new(names: &'static [&'static str]) -> Self {
        Self { names, met: 0 }
    }

    /// That a field was not there.
    #[cold]
    #[must_use]
    pub fn missing<E: Error>(&self, place: usize) -> E {
        E::missing_field(self.names.get(place).copied().unwrap_or_default())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Names {
    type Value = usize;

    #[inline(never)]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for &mut Names {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let place = self.names.iter().position(|known| *known == name);
        let place = place.ok_or_else(|| E::unknown_field(name, self.names))?;
        let bit = u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place)).unwrap_or(0);
        if self.met & bit != 0 {
            return Err(crate::refused(&"a field comes twice; leave one of them out"));
        }
        self.met |= bit;
        Ok(place)
    }
}
