//! Status words.

/// What a host function answers. The word is the ABI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    /// It worked.
    Ok = 0,
    /// There is no such thing.
    NotFound = 1,
    /// An argument is out of range, or the thing cannot be used in this phase.
    BadArgument = 2,
    /// A value could not be written in its wire form.
    SerializationFailure = 3,
    /// A value could not be read from its wire form.
    ParseFailure = 4,
    /// A pointer leaves the guest's memory.
    InvalidMemoryAccess = 6,
    /// A queue has nothing.
    Empty = 7,
    /// Somebody else wrote the shared value meanwhile.
    CasMismatch = 8,
    /// The host failed.
    InternalFailure = 10,
    /// The host does not have the function.
    Unimplemented = 12,
}

impl Status {
    /// The word.
    #[must_use]
    pub const fn word(self) -> u32 {
        self as u32
    }
}
