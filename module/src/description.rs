//! What a module says about itself: the section `tamis.description`.

mod examples;
mod page;
mod reference;
mod schema;

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::info::{ModuleInfo, ParseError};

/// A module's own words on what it is and how it is configured; written by the post-link step, read by every command.
///
/// Fields that this version does not know are kept as they are, so that a newer SDK's modules can be read and rewritten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of this form; [`Description::FORMAT`] today. A higher one is still read, by the fields known here.
    pub format: u32,
    /// The filter's name.
    pub name: String,
    /// The filter's version.
    #[serde(default)]
    pub version: String,
    /// One sentence on what it does.
    #[serde(default)]
    pub summary: String,
    /// The SDK it was written with, name and version.
    #[serde(default)]
    pub sdk: String,
    /// Names of the phases it implements; names not known here are allowed.
    #[serde(default)]
    pub phases: Vec<String>,
    /// Whether it can hold headers until it has seen the body, which Envoy must be told (BODY-1).
    #[serde(default)]
    pub held_headers: bool,
    /// Whether it is the full image, which has engines that the lean one of the same filter goes without.
    #[serde(default, skip_serializing_if = "is_lean")]
    pub full: bool,
    /// JSON Schema of its configuration; `null` when it gives none.
    #[serde(default)]
    pub config_schema: Value,
    /// Everything else that was there.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_lean(full: &bool) -> bool {
    !full
}

/// A configuration that a module accepts, for its page.
#[derive(Clone, Debug)]
pub struct Example {
    /// Where it stands, as a reader finds it: a path in a repository.
    pub source: String,
    /// The configuration.
    pub configuration: Value,
}

/// The page of a module's configuration.
#[derive(Clone, Debug)]
pub struct Page {
    /// Markdown: a section for each type.
    pub text: String,
    /// The fields and values that no example has, as `Type.field`.
    pub not_shown: Vec<String>,
}

/// Why a module's description could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// The bytes are not a module.
    #[error(transparent)]
    Module(#[from] ParseError),
    /// The section does not hold what it should.
    #[error(
        "the section `{}` is not a description: {message}; build the module again with `tamis build`",
        Description::SECTION
    )]
    Json {
        /// What is wrong, with line and column in the section.
        message: String,
    },
    /// The section is packed and cannot be unpacked, or is longer than [`Description::MAX_BYTES`].
    #[error(
        "the section `{}` cannot be unpacked: {message}; build the module again with `tamis build`",
        Description::SECTION
    )]
    Packed {
        /// What is wrong.
        message: String,
    },
    /// There are several sections, which may disagree.
    #[error("the module has {count} sections `{}`: build it again with `tamis build`", Description::SECTION)]
    Several {
        /// How many.
        count: usize,
    },
}

impl Description {
    /// The custom section it stands in: JSON, packed by zlib (RFC 1950), because its text would be a tenth of a small
    /// filter. JSON as it is is read as well.
    pub const SECTION: &'static str = "tamis.description";

    /// The export that a build runs to get it and then removes: `() -> i64`, the pointer to JSON text in the guest's
    /// memory in the upper 32 bits of the result and its length in bytes in the lower. Any host function may trap in it.
    pub const EXPORT: &'static str = "tamis_describe";

    /// The version of the form that this code writes.
    pub const FORMAT: u32 = 1;

    /// Bytes of the JSON text at most; a module from elsewhere may pack more into few bytes than anybody can hold.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// Reads a module's description; `None` when it has none, as modules made with other tools.
    ///
    /// ```
    /// # use tamis_module::description::Description;
    /// let module = b"\0asm\x01\0\0\0";
    /// assert!(Description::read(module).is_ok_and(|description| description.is_none()));
    /// ```
    ///
    /// # Errors
    /// When the bytes are not a module, or the section is there but is not one JSON object of this form.
    pub fn read(wasm: &[u8]) -> Result<Option<Self>, DescriptionError> {
        let info = ModuleInfo::parse(wasm)?;
        let count = info.custom_sections.iter().filter(|section| section.name == Self::SECTION).count();
        if count > 1 {
            return Err(DescriptionError::Several { count });
        }
        let found = Parser::new(0).parse_all(wasm).find_map(|payload| match payload {
            Ok(Payload::CustomSection(section)) if section.name() == Self::SECTION => Some(section.data()),
            _ => None,
        });
        found.map(Self::from_section).transpose()
    }

    /// Reads the JSON text that [`Description::EXPORT`] returns and the section holds.
    ///
    /// # Errors
    /// When it is not one JSON object of this form.
    pub fn from_json(json: &[u8]) -> Result<Self, DescriptionError> {
        serde_json::from_slice(json)
            .map_err(|error| DescriptionError::Json { message: crate::text::shown(&error.to_string()) })
    }

    /// Reads what the section holds, packed or not.
    fn from_section(bytes: &[u8]) -> Result<Self, DescriptionError> {
        /// A zlib stream's first byte: deflate with a window of 32 KiB. No JSON text begins with it.
        const ZLIB: u8 = 0x78;
        if bytes.first() != Some(&ZLIB) {
            return Self::from_json(bytes);
        }
        let packed = |message: String| DescriptionError::Packed { message };
        let mut json = Vec::new();
        let read = ZlibDecoder::new(bytes).take(Self::MAX_BYTES + 1).read_to_end(&mut json);
        read.map_err(|error| packed(crate::text::shown(&error.to_string())))?;
        if json.len() as u64 > Self::MAX_BYTES {
            return Err(packed(format!("it has more than {} bytes", Self::MAX_BYTES)));
        }
        Self::from_json(&json)
    }

    /// What the section holds: [`Description::to_json`], packed.
    #[must_use]
    pub(crate) fn to_section(&self) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        // Writing into memory does not fail.
        let _ = packed.write_all(&self.to_json());
        packed.finish().unwrap_or_default()
    }

    /// The description as text: compact, keys of objects sorted, so that equal descriptions are equal bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // No map key but strings and no value that could fail, so the empty text never happens.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The configuration reference as readable text: one entry per field, made from the JSON Schema.
    ///
    /// Text that comes from the module is stripped of what a terminal would obey, recursion through `$ref` is named and
    /// not followed, and after [`Description::MAX_REFERENCE_ENTRIES`] fields the rest is left out.
    #[must_use]
    pub fn reference(&self) -> String {
        reference::render(&self.config_schema)
    }

    /// The configuration reference as a page of Markdown: a section for each type, its fields, and the shortest parts of the
    /// examples that show all of them.
    ///
    /// ```
    /// use serde_json::json;
    /// use tamis_module::description::{Description, Example};
    ///
    /// let schema = json!({"type": "object", "properties": {"limit": {"type": "integer", "description": "How many."}}});
    /// let description = json!({"format": 1, "name": "limiter", "config_schema": schema});
    /// let description = Description::from_json(description.to_string().as_bytes()).unwrap();
    /// let example = Example { source: "limit.yaml".into(), configuration: json!({"limit": 10}) };
    /// let page = description.page(&[example]);
    /// assert!(page.text.contains("- `limit` (integer, optional): How many."));
    /// assert!(page.text.contains("# limit.yaml\nlimit: 10\n"));
    /// assert!(page.not_shown.is_empty());
    /// ```
    #[must_use]
    pub fn page(&self, examples: &[Example]) -> Page {
        let (text, not_shown) = page::render(&self.config_schema, examples);
        Page { text, not_shown }
    }

    /// Whether a plugin with this configuration holds headers, so that Envoy must be told (`allow_on_headers_stop_iteration`,
    /// BODY-1): the module can, and the configuration's field `held_headers` is true.
    #[must_use]
    pub fn holds_headers(&self, configuration: &Value) -> bool {
        self.held_headers && configuration.get("held_headers").and_then(Value::as_bool).unwrap_or(false)
    }

    /// How many fields [`Description::reference`] lists at most.
    pub const MAX_REFERENCE_ENTRIES: usize = 2_000;
}
