#!/usr/bin/env bash
# The whole path on this machine: a real broker, the program, articles in, enriched records out.
#
#   demo.sh [ARTICLES]     a file or a folder; by default the articles that come with the project
#
# Everything that it writes is in .cache/demo; whatever it starts, it stops.
set -euo pipefail
# A decimal point in times, whatever the user's language.
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

articles=$(realpath --canonicalize-missing -- "${1:-$root/services/copydesk/samples}")
demo=$root/.cache/demo
copydesk=$root/target/release/copydesk
broker=$root/deploy/broker.sh
# An article takes well under a second once the model is loaded, which takes a few.
idle_timeout_s=60
worker=
tail=

# explain WHAT LOG: the end of the demo when something failed.
explain() {
  say
  say "$1; the end of $2:"
  tail -n 20 "$2" | sed 's/^/  | /' >&2
  exit 1
}

seconds_since() {
  awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'
}

# step TEXT COMMAND...: runs it quietly, and says how long it took.
step() {
  local text=$1 started=$EPOCHREALTIME log
  shift
  log=$demo/logs/${text%% *}.log
  printf '%-44s' "$text" >&2
  "$@" >"$log" 2>&1 || explain "that failed" "$log"
  printf '%6s s\n' "$(seconds_since "$started")" >&2
}

build() {
  (cd "$root" && cargo build --locked --release --package copydesk)
}

# Of articles, Kafka's own limit of 1 MiB: a batch that is packed may unpack to 1,032 times as much.
start_broker() {
  "$broker" start "$demo/broker" &&
    "$broker" topics "$demo/broker" articles.raw:4:max.message.bytes=1048588 \
      articles.enriched:4:max.message.bytes=20971520 articles.dlq:1:max.message.bytes=20971520
}

start_worker() {
  "$copydesk" run --brokers "$address" --set admin.bind=127.0.0.1:0 >"$demo/copydesk.log" 2>&1 &
  worker=$!
}

# It has 10 s to finish its last transaction.
stop_worker() {
  local deadline=$((SECONDS + 12))
  kill "$worker" 2>/dev/null || return 0
  while kill -0 "$worker" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
  kill -KILL "$worker" 2>/dev/null || true
}

# feed: sets fed to the count; goes on when only some of the files could be read.
feed() {
  local log=$demo/logs/feed.log
  fed=0
  "$copydesk" feed --brokers "$address" "$articles" >"$log" 2>&1 || tail -n 20 "$log" >&2
  fed=$(sed -n 's/^fed \([0-9]*\) articles.*/\1/p' "$log")
  ((fed)) || explain "no articles came out of $articles" "$log"
  say "fed $fed articles to $address, topic articles.raw"
}

# Shows the records as they come out; ends early when the worker does, or when no more come.
show() {
  local started=$EPOCHREALTIME
  "$copydesk" tail --brokers "$address" --max "$fed" --timeout-s "$idle_timeout_s" &
  tail=$!
  wait -n "$tail" "$worker" || true
  kill -0 "$worker" 2>/dev/null || explain "copydesk run has ended" "$demo/copydesk.log"
  wait "$tail" || true
  took=$(seconds_since "$started")
}

# Keeps the records; those that are missing are dead letters, or late.
save() {
  local enriched log=$demo/logs/tail.log
  "$copydesk" tail --brokers "$address" --format json --max "$fed" --timeout-s 3 \
    >"$demo/enriched.jsonl" 2>"$log" || true
  enriched=$(wc -l <"$demo/enriched.jsonl")
  ((enriched)) || explain "no record came out" "$demo/copydesk.log"
  say
  say "$enriched of $fed articles enriched in $took s, loading the model included"
  say "records: ${demo#"$PWD"/}/enriched.jsonl"
  ((enriched == fed)) || say "the others are on the topic articles.dlq, each with the reason"
  say "logs:    ${demo#"$PWD"/}/copydesk.log and logs/"
}

cleanup() {
  # A second Ctrl-C must not leave a broker behind.
  trap '' INT TERM
  # A shell lets its background processes ignore Ctrl-C.
  [[ -z $tail ]] || kill "$tail" 2>/dev/null || true
  [[ -z $worker ]] || stop_worker
  "$broker" stop "$demo/broker"
}

main() {
  [[ -e $articles ]] || fail "there are no articles at $articles"
  mkdir -p "$demo/logs"
  lock "$demo/lock"
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  step "system packages" "$root/deploy/setup.sh"
  step "libtorch" "$root/deploy/native.sh"
  step "openvino" "$root/deploy/openvino.sh"
  step "kafka" "$broker" fetch
  step "build (minutes, the first time)" build
  "$broker" stop "$demo/broker"
  rm -rf "$demo/broker"
  step "broker and topics" start_broker
  address=$(<"$demo/broker/bootstrap")
  start_worker
  feed
  show
  save
}

main "$@"
