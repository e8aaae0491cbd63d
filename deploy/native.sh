#!/usr/bin/env bash
# Fetches libtorch into .cache/native/libtorch: lib/, include/ and build-version, as torch-sys wants them.
#
# The libraries come from Maven and the headers from the macOS wheel of the same version on PyPI: it is
# the smallest package that holds them (the Linux wheel is 750 MB), and they are the same on every system.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

pins=$root/deploy/native/SHA256SUMS
pom=$root/deploy/native/pom.xml
target=$root/.cache/native/libtorch

# The checksums name the versions too, so a copy of them tells which libtorch is there.
is_there() { cmp --silent "$pins" "$target/SHA256SUMS"; }

# fetch_headers VERSION FOLDER
fetch_headers() {
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$2" \
    --platform macosx_11_0_arm64 --implementation cp --python-version 3.11 "torch==$1" >&2 ||
    fail "pip could not fetch the headers of torch $1 (its message is above)"
}

# unpack FROM TO
unpack() {
  unzip -q -j "$1"/*.jar 'pytorch/cpu/linux-x86_64/*' -d "$2/lib"
  # Some releases of the jar hold the libraries compressed once more.
  find "$2/lib" -name '*.gz' -exec gunzip {} +
  unzip -q "$1"/*.whl 'torch/include/*' -d "$1"
  mv "$1/torch/include" "$2/include"
}

main() {
  is_there && return
  need_wheels libtorch
  lock "$root/.cache/native/lock"
  is_there && return

  local version
  version=$(pom_property "$pom" libtorch.version)
  say "fetching libtorch $version (190 MB)"
  # Not local: the trap reads it after main has returned.
  work=$(mktemp -d "$root/.cache/native/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/packages" "$work/libtorch"

  copy_dependencies "$pom" "$work/packages"
  fetch_headers "$version" "$work/packages"
  (cd "$work/packages" && sha256sum --quiet --strict --check "$pins") >&2 ||
    fail "what came is not what $pins expects; nothing was installed"
  unpack "$work/packages" "$work/libtorch"
  echo "$version" >"$work/libtorch/build-version"
  cp "$pins" "$work/libtorch/"

  rm -rf "$target"
  mv "$work/libtorch" "$target"
}

main "$@"
