#!/usr/bin/env bash
# Fetches OpenVINO's libraries into .cache/native/openvino: what runs a model in int8 on a CPU.
#
# They come from the wheel on PyPI, which holds plugins and readers for much that is not needed here.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

version=2026.4.1
pins=$root/deploy/native/openvino.sha256
target=$root/.cache/native/openvino

# The core, its C interface, the CPU plugin, the reader of models, and the threads that they use.
libraries=(
  libopenvino.so.2641
  libopenvino_c.so.2641
  libopenvino_intel_cpu_plugin.so
  libopenvino_ir_frontend.so.2641
  libtbb.so.12
  libtbbbind_2_5.so.3
  libtbbmalloc.so.2
  libhwloc.so.15
)

is_there() { cmp --silent "$pins" "$target/SHA256SUMS"; }

main() {
  is_there && return
  need_wheels OpenVINO
  lock "$root/.cache/native/lock"
  is_there && return

  say "fetching OpenVINO $version (60 MB)"
  # Not local: the trap reads it after main has returned.
  work=$(mktemp -d "$root/.cache/native/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$work" \
    --platform manylinux_2_28_x86_64 --implementation cp --python-version 3.11 \
    "openvino==$version" >&2 || fail "pip could not fetch OpenVINO $version (its message is above)"
  (cd "$work" && sha256sum --quiet --strict --check "$pins") >&2 ||
    fail "what came is not what $pins expects; nothing was installed"
  mkdir "$work/openvino"
  unzip -q -j "$work"/*.whl "${libraries[@]/#/openvino/libs/}" -d "$work/openvino"
  cp "$pins" "$work/openvino/SHA256SUMS"

  rm -rf "$target"
  mv "$work/openvino" "$target"
}

main "$@"
