#!/usr/bin/env bash
# Runs each fuzz target of tests/fuzz for some seconds: fuzz.sh SECONDS. What they find lies in target/fuzz/artifacts.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

main() {
  local seconds=${1:-60} target failed=()
  export PATH=$root/.cache/cargo/bin:$PATH CARGO_TARGET_DIR=$root/target/fuzz
  cd "$root/tests/fuzz"
  for target in $(cargo fuzz list --fuzz-dir .); do
    mkdir -p "$root/target/fuzz/"{corpus,artifacts}"/$target"
    # Without a sanitizer, so that stable Rust will do: our own code has no unsafe in it.
    cargo fuzz run --fuzz-dir . --sanitizer none "$target" "$root/target/fuzz/corpus/$target" "$root/services/copydesk/samples" -- \
      -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2048 \
      -artifact_prefix="$root/target/fuzz/artifacts/$target/" >&2 || failed+=("$target")
  done
  ((${#failed[@]} == 0)) || fail "findings in ${failed[*]}: see target/fuzz/artifacts"
}

main "$@"
