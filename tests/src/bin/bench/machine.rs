//! The machine that figures come from.

use std::fs;
use std::path::Path;

/// Instruction sets that decide how fast a model runs, as the kernel names them.
const SETS: [&str; 6] = [
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
];

/// Describes the CPU: model, cores, instruction sets.
pub(crate) fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map_or("unknown", |(_, value)| value)
    };
    let flags: Vec<&str> = field("flags").split(' ').collect();
    let sets: Vec<&str> = SETS.into_iter().filter(|set| flags.contains(set)).collect();
    format!(
        "{}, {} cores, {}",
        field("model name"),
        cores(),
        sets.join(" ")
    )
}

/// Cores that this process may use, and so those that it starts.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Whether there is a GPU that an engine may take.
pub(crate) fn has_gpu() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}
