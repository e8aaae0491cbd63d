#!/usr/bin/env bash
# Builds the last stages of deploy/Dockerfile around a built program, and runs what comes out:
#
#   image_test.sh PROGRAM [torch]       as root, with buildah, debootstrap and cargo-cyclonedx on PATH
#
# With `torch` the image is that of the target torch, with libtorch in it, and PROGRAM has both engines.
# No registry and no container engine is needed: the base is made of Debian's own packages, like the image
# debian:bookworm-slim. The stages that compile are left out; PROGRAM and deploy/install.sh stand for them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

work=$root/.cache/image
image=localhost/copydesk-test
# Of the image with OpenVINO alone; libtorch has 500 MB by itself.
max_bytes=250000000
user=65532
engine=openvino
worker=

buildah() {
  command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}

# make_base: what debian:bookworm-slim holds, without a registry.
make_base() {
  local container
  buildah inspect --type image docker.io/library/debian:bookworm-slim >/dev/null 2>&1 && return
  say "making a Debian base (minutes)"
  debootstrap --variant=minbase bookworm "$work/base" >"$work/debootstrap.log" ||
    fail "debootstrap has failed: see $work/debootstrap.log"
  # What `slim` leaves out.
  rm -rf "$work"/base/usr/share/{doc,info,locale,man} "$work"/base/var/{cache,lib}/apt/*
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$work/base" / >/dev/null
  buildah commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null
  rm -rf "$work/base"
}

# last_stages: the Dockerfile's base, and the one stage on it that is to be tried.
last_stages() {
  sed -n '/^ARG/p' "$root/deploy/Dockerfile"
  sed -n '/^FROM debian/,/^$/p; /^FROM base AS '"$engine"'$/,/^$/p' "$root/deploy/Dockerfile"
}

# list_crates: makes the lists of crates by the Dockerfile's own commands, in a copy of the sources: they write
# beside each Cargo.toml.
list_crates() {
  rm -rf "$work/src"
  mkdir "$work/src"
  git -C "$root" ls-files -z --cached --others --exclude-standard |
    tar --create --directory "$root" --null --files-from - | tar --extract --directory "$work/src"
  local commands
  commands=$(sed -n '/^RUN cargo cyclonedx/,/^$/{s/^RUN //;p}' "$root/deploy/Dockerfile")
  (cd "$work/src" && bash -euo pipefail -c "$commands") \
    >"$work/sbom.log" 2>&1 || fail "cargo cyclonedx has failed: see $work/sbom.log"
}

# build PROGRAM
build() {
  local with=() suffix=""
  [[ $engine == openvino ]] || { with=("$engine") && suffix=-$engine; }
  rm -rf "$work/layout"
  "$root/deploy/install.sh" "$1" "$work/layout/build/opt/copydesk" "${with[@]}"
  list_crates
  install -D --mode=644 --target-directory="$work/layout/sbom/src/services/copydesk" \
    "$work/src/services/copydesk/copydesk$suffix.cdx.json"
  last_stages >"$work/Dockerfile"
  buildah build --quiet --format docker --isolation chroot --pull-never --file "$work/Dockerfile" --tag "$image" \
    --build-context "build$suffix=$work/layout/build" --build-context sbom="$work/layout/sbom" "$root" >&2
}

# inside: the words before a command (or NAME=VALUE COMMAND) that run it as the image's user, on a root
# that cannot be written, in mounts and processes of its own. Not a function: one in the background has a
# shell around it, which would be killed in the worker's place.
# shellcheck disable=SC2016
inside=(unshare --mount --pid --fork --kill-child bash -euc '
  root=$1 user=$2
  shift 2
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -o remount,bind,ro "$root"
  cd "$root"
  exec chroot --userspec="$user:$user" "$root" /usr/bin/env "$@"' inside)

check_configuration() {
  local configured
  configured=$(buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}' "$image")
  [[ $configured == "$user:$user [copydesk] [run]" ]] || fail "the image is to run as: $configured"
  configured=$(buildah inspect --type image --format '{{.Docker.Config.Healthcheck.Test}}' "$image")
  [[ $configured == "[CMD /opt/copydesk/healthcheck]" ]] || fail "the image is to be asked by: $configured"
}

check_size() {
  local bytes
  bytes=$(du --summarize --bytes "$mounted" | cut -f 1)
  say "image: $((bytes / 1000000)) MB"
  [[ $engine != openvino ]] || ((bytes < max_bytes)) || fail "the image has more than $max_bytes bytes"
}

# The list of crates names those of this image's engine, and not the other's.
check_crates() {
  local list=$mounted/opt/copydesk/share/doc/copydesk/copydesk.cdx.json crates
  crates=$(python3 -c 'import json, sys
for crate in json.load(open(sys.argv[1]))["components"]: print(crate["name"])' "$list")
  grep --quiet --line-regexp rdkafka <<<"$crates" || fail "no rdkafka in $list"
  if grep --quiet --line-regexp tch <<<"$crates"; then
    [[ $engine == torch ]] || fail "libtorch's crate is in $list"
  else
    [[ $engine != torch ]] || fail "no tch in $list"
  fi
  say "list of crates: $(wc -l <<<"$crates")"
}

check_confinement() {
  [[ $("${inside[@]}" id -u) == "$user" ]] || fail "it runs as another user"
  ! "${inside[@]}" touch /opt/copydesk/new 2>/dev/null || fail "its root can be written"
}

check_text() {
  local enriched
  enriched=$("${inside[@]}" -i /opt/copydesk/bin/copydesk text --set encoder.engine="$engine" \
    <<<"President Ama Mensah opened a bridge over the Volta near Akosombo on Tuesday.")
  grep --quiet '"text":"Ama Mensah","label":"PERSON"' <<<"$enriched" || fail "no person found: $enriched"
}

# The worker is alive without a broker, as one that waits for Kafka is.
check_health() {
  local address=COPYDESK__ADMIN__BIND=127.0.0.1:$((20000 + RANDOM % 12000)) deadline=$((SECONDS + 60))
  local ask=("${inside[@]}" "$address" /opt/copydesk/healthcheck)
  "${inside[@]}" "$address" /opt/copydesk/bin/copydesk run --brokers 127.0.0.1:1 >"$work/run.log" 2>&1 &
  worker=$!
  until "${ask[@]}" 2>/dev/null; do
    if ((SECONDS >= deadline)) || ! kill -0 "$worker"; then
      fail "the health check does not pass: see $work/run.log"
    fi
    sleep 0.5
  done
  # unshare takes no SIGTERM; its child is the first process of its own world, as in a container.
  kill "$(pgrep --parent "$worker")"
  wait "$worker" || fail "it does not stop as asked: see $work/run.log"
  worker=
  ! "${ask[@]}" 2>/dev/null || fail "the health check passes without a worker"
}

cleanup() {
  [[ -z $worker ]] || kill -KILL "$worker" 2>/dev/null || true
  buildah rm --all >/dev/null 2>&1 || true
  # Those of earlier runs, which have lost their name.
  buildah rmi --prune >/dev/null 2>&1 || true
}

main() {
  (($# == 1)) || [[ $# == 2 && $2 == torch ]] || fail "usage: image_test.sh PROGRAM [torch]"
  engine=${2:-$engine}
  ((EUID == 0)) || fail "it must be run as root"
  local tool
  for tool in buildah debootstrap cargo-cyclonedx; do
    type -P "$tool" >/dev/null || fail "$tool is missing: run 'make image', which installs it"
  done
  mkdir -p "$work"
  lock "$work/lock"
  trap cleanup EXIT

  make_base
  build "$1"
  mounted=$(buildah mount "$(buildah from --pull-never "$image")")
  inside+=("$mounted" "$user")
  check_configuration
  check_size
  check_crates
  check_confinement
  check_text
  check_health
  say "the image is as it should be"
}

main "$@"
