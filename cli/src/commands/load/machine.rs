//! What this process takes of the machine.

use std::fs;

use crate::failure::Failure;

/// Resident memory, in bytes.
pub fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status").map_err(Failure::environment)?;
    parsed(&status).ok_or_else(|| Failure::environment("/proc/self/status says nothing of the memory"))
}

/// How many descriptors are open; the one that counts is among them.
pub fn descriptors() -> Result<usize, Failure> {
    Ok(fs::read_dir("/proc/self/fd").map_err(Failure::environment)?.count())
}

fn parsed(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_in_kibibytes() {
        assert_eq!(super::parsed("VmPeak:\t 9 kB\nVmRSS:\t   12 kB\n"), Some(12 << 10));
        assert_eq!(super::parsed("VmPeak: 9 kB\n"), None);
    }
}
