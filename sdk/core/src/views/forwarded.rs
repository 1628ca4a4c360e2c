//! Who sent a request, when proxies stand in between.
//!
//! Envoy's attribute `source.address` already is the client as its connection manager was told to trust it
//! (`use_remote_address`, `xff_num_trusted_hops`). Counting is for a filter that trusts another number of proxies.

use std::net::IpAddr;

use super::address;

/// The address that `trusted` proxies in front of us vouch for, from all `x-forwarded-for` lines of a request.
///
/// Entries are counted from the end, over all lines as if they were one: each proxy appends who spoke to it, so only what
/// our own proxies have appended can be believed. Envoy appends its peer when it is an edge (`use_remote_address`), so in
/// a filter there the last entry, with `trusted` 0, is that peer; with one trusted proxy in front of it, it is the entry
/// before. This is how Envoy counts `xff_num_trusted_hops`.
///
/// There is no answer when there are fewer entries than that, or when the entry is no address (`unknown`, a name): an
/// entry further left would be one that the client wrote. A port at an entry is left out.
///
/// ```
/// use tamis_core::views::forwarded::client;
///
/// let lines = [b"203.0.113.9, 198.51.100.7".as_slice(), b"10.0.0.1"];
/// assert_eq!(client(lines, 1), Some("198.51.100.7".parse().unwrap()));
/// assert_eq!(client(lines, 3), None);
/// ```
pub fn client<'a, L>(lines: L, trusted: usize) -> Option<IpAddr>
where
    L: IntoIterator<Item = &'a [u8]>,
    L::IntoIter: Clone,
{
    let entries = lines.into_iter().flat_map(|line| line.split(|byte| *byte == b','));
    let entries = entries.map(super::trim).filter(|entry| !entry.is_empty());
    let before = entries.clone().count().checked_sub(trusted.checked_add(1)?)?;
    entries.clone().nth(before).and_then(address::parse_with_port)
}
