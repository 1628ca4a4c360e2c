//! Function types as the ABI sees them.

use std::fmt;

/// The type of one parameter or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// 32-bit integer; every pointer, size, status and identifier is one.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float; never used by the ABI.
    F32,
    /// 64-bit float; never used by the ABI.
    F64,
    /// SIMD vector; never used by the ABI.
    V128,
    /// A reference of any kind; never used by the ABI.
    Reference,
}

impl ValueType {
    /// The name that Envoy prints, `ref` for references.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Reference => "ref",
        }
    }
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Types of the parameters, in order.
    pub params: Vec<ValueType>,
    /// Types of the results, in order; the ABI knows none or one.
    pub results: Vec<ValueType>,
}

impl Signature {
    /// The same type, owned, from the slices of a table.
    #[must_use]
    pub fn new(params: &[ValueType], results: &[ValueType]) -> Self {
        Self { params: params.to_vec(), results: results.to_vec() }
    }

    /// Whether this is the type with these parameters and results.
    #[must_use]
    pub fn is(&self, params: &[ValueType], results: &[ValueType]) -> bool {
        self.params == params && self.results == results
    }
}

/// The form Envoy uses in its log, so that both texts can be compared: `i32 i32 -> i32`, `void -> void`. After twenty
/// parameters or results the rest is cut, since the module decides how many there are.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_types(f, &self.params)?;
        f.write_str(" -> ")?;
        write_types(f, &self.results)
    }
}

fn write_types(f: &mut fmt::Formatter<'_>, types: &[ValueType]) -> fmt::Result {
    const SHOWN: usize = 20;
    if types.is_empty() {
        return f.write_str("void");
    }
    for (index, value) in types.iter().take(SHOWN).enumerate() {
        let gap = if index == 0 { "" } else { " " };
        write!(f, "{gap}{}", value.name())?;
    }
    if types.len() > SHOWN {
        write!(f, " and {} more", types.len() - SHOWN)?;
    }
    Ok(())
}
