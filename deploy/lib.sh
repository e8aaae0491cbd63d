# shellcheck shell=bash
# What the scripts of this folder share: messages, checks for tools, and locks. To be sourced.

# Everything but results goes to stderr, so that callers can read stdout.
say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: $*"
  exit 1
}

# need TOOL PACKAGE: stops unless TOOL is on PATH; PACKAGE is its Debian name.
need() {
  command -v "$1" >/dev/null ||
    fail "$1 is missing: run 'make setup', or install the package $2 (apt-get install $2)"
}

# lock FILE: waits until no other run of a script holds FILE, then holds it until this script ends.
lock() {
  need flock util-linux
  mkdir -p "$(dirname "$1")"
  exec {lock_fd}>"$1"
  flock --nonblock "$lock_fd" && return
  say "waiting for another run of ${0##*/}"
  flock "$lock_fd"
}

# need_wheels NAME: stops unless pip can fetch what NAME is made of, for the one system it is pinned for.
need_wheels() {
  [[ $(uname -sm) == "Linux x86_64" ]] ||
    fail "$1 is pinned for Linux x86_64 only, and this is $(uname -sm)"
  need unzip unzip
  need python3 python3
  python3 -m pip --version >/dev/null 2>&1 ||
    fail "python3 has no pip: run 'make setup', or install the package python3-pip"
}

# pom_property POM NAME: the value of a property, so that each version stands in one place.
pom_property() {
  sed -n "s|.*<$2>\(.*\)</$2>.*|\1|p" "$1"
}

# copy_dependencies POM FOLDER: what POM depends on, checked against the repository's checksums.
copy_dependencies() {
  need mvn maven
  need java openjdk-17-jre-headless
  local messages
  # Maven writes escape codes even when it has nothing to say, so its output is kept for failures.
  messages=$(mvn --quiet --batch-mode --strict-checksums --file "$1" \
    dependency:copy-dependencies -DoutputDirectory="$2" 2>&1) ||
    fail "Maven could not fetch what $1 lists:
$messages"
}
