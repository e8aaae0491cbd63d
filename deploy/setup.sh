#!/usr/bin/env bash
# Installs what the build, the broker and the trainer need from the system, where it may; else says what is missing.
#
#   setup.sh [TOOL...]     these, too, each the program of a Debian package of its name
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

also=("$@")

java_17() {
  local version
  version=$(java --version 2>/dev/null | awk 'NR == 1 { print int($2) }')
  ((${version:-0} >= 17))
}

# java_package: the oldest of the Java runtimes that will do which apt-get could install.
java_package() {
  local package
  for package in openjdk-17-jre-headless openjdk-21-jre-headless openjdk-25-jre-headless; do
    if apt-cache policy "$package" 2>/dev/null | grep --quiet 'Candidate: [0-9]'; then
      echo "$package"
      return
    fi
  done
  echo openjdk-17-jre-headless
}

# missing: the Debian packages whose content is not there, one a line. It asks for what a package gives
# and not for its name, so that other sources of the same tool count.
missing() {
  command -v gcc >/dev/null || echo gcc
  command -v g++ >/dev/null || echo g++
  command -v make >/dev/null || echo make
  command -v pkg-config >/dev/null || echo pkg-config
  pkg-config --exists openssl 2>/dev/null || echo libssl-dev
  pkg-config --exists zlib 2>/dev/null || echo zlib1g-dev
  command -v unzip >/dev/null || echo unzip
  command -v promtool >/dev/null || echo prometheus
  java_17 || java_package
  command -v mvn >/dev/null || echo maven
  command -v python3 >/dev/null || echo python3
  python3 -c 'import pip' 2>/dev/null || echo python3-pip
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  local tool
  for tool in "${also[@]}"; do
    command -v "$tool" >/dev/null || echo "$tool"
  done
}

# as_root COMMAND...: 1 when this user may not.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif sudo --non-interactive true 2>/dev/null; then
    sudo --non-interactive "$@"
  else
    return 1
  fi
}

# install PACKAGE...
install() {
  say "installing $*"
  # What brings promtool would start a Prometheus on all addresses, too.
  if [[ " $* " == *" prometheus "* && -d /run/systemd/system ]]; then
    say "masking prometheus.service: only its promtool is wanted here"
    as_root systemctl mask --quiet prometheus.service
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --quiet=2 --yes --no-install-recommends "$@" >&2
}

main() {
  command -v cargo >/dev/null ||
    fail "cargo is missing: install Rust with rustup (its default profile), then open a new shell"

  local packages
  mapfile -t packages < <(missing)
  ((${#packages[@]})) || return 0
  if command -v apt-get >/dev/null; then
    # First: a bare machine has no lists, and which Java there is can only be seen in them.
    as_root apt-get update --quiet=2 >&2 || say "apt-get could not fetch its lists"
    mapfile -t packages < <(missing)
    install "${packages[@]}" || say "apt-get could not install them here"
  fi

  mapfile -t packages < <(missing)
  ((${#packages[@]} == 0)) ||
    fail "packages are missing (names as in Debian): ${packages[*]}"
}

main
