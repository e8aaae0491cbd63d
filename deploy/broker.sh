#!/usr/bin/env bash
# Runs Apache Kafka on this machine, one KRaft node a folder, without root and without a container.
#
#   broker.sh fetch                        fetch Kafka into .cache/kafka
#   broker.sh start DIR [PORT]             start a broker with its data in DIR; prints its address
#   broker.sh secure DIR NAME=PASSWORD...  start one that also listens with TLS, SASL and ACLs for these users
#   broker.sh allow DIR OPERATION KIND=NAME USER...   give users a right on a topic, group, transactional-id
#   broker.sh topic DIR NAME [PARTITIONS [KEY=VALUE]...]
#   broker.sh topics DIR NAME[:PARTITIONS[:KEY=VALUE[,KEY=VALUE]...]]...
#   broker.sh stop DIR                     stop it within 10 s; no error if it does not run
#   broker.sh kill DIR                     the same by SIGKILL
#   broker.sh restart DIR                  stop if it runs, start on the same port with the same data
#
# DIR/bootstrap holds the address, DIR/pid the process id while it runs, DIR/broker.log what it says.
# With PROXY_PORT in the environment, start opens a second way in, whose address is in DIR/proxied;
# clients that come by it are told to connect to PROXY_PORT, where a proxy to it is to listen.
# With `secure`, DIR/secure holds the other address, DIR/ca.pem what signs it; who comes by the first may do all.
# Only the address goes to stdout. A topic that is there already is left as it is.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

pom=$root/deploy/kafka/pom.xml
libs=$root/.cache/kafka/libs
# The Java classes as they lie in memory, so that a start takes half the processor time. Java goes
# without where the file is missing, or was written by another version of itself.
class_archive=$libs/classes.jsa
class_archive_flag=${CLASS_ARCHIVE_FLAG:--XX:SharedArchiveFile=$class_archive}
start_timeout_s=120
stop_timeout_s=${STOP_TIMEOUT_S:-8}

fetch() {
  cmp --silent "$pom" "$libs/pom.xml" && return
  lock "$root/.cache/kafka/lock"
  cmp --silent "$pom" "$libs/pom.xml" && return

  say "fetching Apache Kafka $(pom_property "$pom" kafka.version) (50 MB)"
  # Not local: the trap reads it after this function has returned.
  work=$(mktemp -d "$root/.cache/kafka/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  copy_dependencies "$pom" "$work/libs"
  cp "$pom" "$work/libs/"
  rm -rf "$libs"
  mv "$work/libs" "$libs"
  write_class_archive
}

# Java writes the archive when a broker ends.
write_class_archive() {
  if ! {
    CLASS_ARCHIVE_FLAG=-XX:ArchiveClassesAtExit=$work/classes.jsa \
      "${BASH_SOURCE[0]}" start "$work/broker" >/dev/null &&
      STOP_TIMEOUT_S=60 "${BASH_SOURCE[0]}" stop "$work/broker" &&
      mv "$work/classes.jsa" "$class_archive"
  }; then
    say "no class archive: brokers will start slower"
  fi
}

# The tools live for a second: less compiling and one collector thread make them start sooner.
tool() {
  java "-XX:SharedArchiveFile=$class_archive" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$libs/*" "$@"
}

# port_is_free PORT: nobody listens there.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: one below the range that systems hand out to clients, so that it stays free for a restart.
free_port() {
  local port
  until port=$((20000 + RANDOM % 12000)) && port_is_free "$port"; do :; done
  echo "$port"
}

# running: whether DIR/pid is a broker of this DIR, and not a later process with its number.
running() {
  [[ -s $dir/pid ]] &&
    grep --quiet --null-data --line-regexp --fixed-strings --regexp="$dir/server.properties" \
      "/proc/$(<"$dir/pid")/cmdline" 2>/dev/null
}

# configure PORT
configure() {
  local controller_port
  until controller_port=$(free_port) && [[ $controller_port != "$1" ]]; do :; done
  local listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$controller_port
  local advertised=PLAINTEXT://127.0.0.1:$1
  if [[ -n ${PROXY_PORT:-} ]]; then
    local port
    until port=$(free_port) && [[ $port != "$1" && $port != "$controller_port" ]]; do :; done
    listeners+=,PROXIED://127.0.0.1:$port
    advertised+=,PROXIED://127.0.0.1:$PROXY_PORT
    echo "127.0.0.1:$port" >"$dir/proxied"
  fi
  cat "$root/deploy/kafka/server.properties" - >"$dir/server.properties" <<END

log.dirs=$dir/data
listeners=$listeners
advertised.listeners=$advertised
controller.quorum.voters=1@127.0.0.1:$controller_port
END
  echo "127.0.0.1:$1" >"$dir/bootstrap"
}

# secure_listener PORT NAME=PASSWORD...: adds to the configuration. Each user has each mechanism; with
# OAUTHBEARER, the token is what the client says it is.
secure_listener() {
  local port=$1 plain="" user
  shift
  local modules=org.apache.kafka.common.security
  for user in "$@"; do plain+=" user_${user%%=*}=\"${user#*=}\""; done
  self_signed broker
  mv "$dir/broker.pem" "$dir/ca.pem"
  sed --in-place "s|^listeners=.*|&,SASL_SSL://127.0.0.1:$port|; s|^advertised.listeners=.*|&,SASL_SSL://127.0.0.1:$port|" \
    "$dir/server.properties"
  cat >>"$dir/server.properties" <<END
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PKCS12
ssl.keystore.location=$dir/broker.p12
ssl.keystore.password=for-tests-only
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required$plain;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$modules.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
END
  echo "127.0.0.1:$port" >"$dir/secure"
}

# self_signed NAME: DIR/NAME.p12 with a key for this machine, and DIR/NAME.pem to trust it by.
self_signed() {
  local store=(-keystore "$dir/$1.p12" -storetype PKCS12 -storepass for-tests-only -alias "$1")
  keytool -genkeypair "${store[@]}" -keyalg EC -dname "CN=$1" -ext san=ip:127.0.0.1 \
    -validity 365 2>>"$dir/format.log" || fail "keytool has made no key: see $dir/format.log"
  keytool -exportcert "${store[@]}" -rfc -file "$dir/$1.pem" 2>>"$dir/format.log"
}

# format [NAME=PASSWORD]...
format() {
  [[ -e $dir/data/meta.properties ]] && return
  local user hash scram=()
  for user in "$@"; do
    for hash in 256 512; do
      scram+=(--add-scram "SCRAM-SHA-$hash=[name=${user%%=*},password=${user#*=}]")
    done
  done
  # Any 16 bytes in base64 will do for an id: these say "copydesk broker!".
  tool kafka.tools.StorageTool format --cluster-id Y29weWRlc2sgYnJva2VyIQ \
    --config "$dir/server.properties" "${scram[@]}" >>"$dir/format.log" 2>&1 ||
    fail "cannot format $dir/data: $(tail -n 3 "$dir/format.log")"
}

# Starts the process, detached: it outlives this script and holds none of the caller's pipes or locks.
launch() {
  # The log of the run before would look as if this one were ready.
  : >"$dir/broker.log"
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      ((fd > 2)) && exec {fd}>&-
    done
    exec setsid java "$class_archive_flag" -Xms128m -Xmx512m -XX:+UseSerialGC \
      -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
      -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
      -Dorg.slf4j.simpleLogger.showDateTime=true \
      -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
      -cp "$libs/*" kafka.Kafka "$dir/server.properties"
  ) </dev/null >>"$dir/broker.log" 2>&1 &
  echo "$!" >"$dir/pid"
}

# wait_ready: 0 when it serves clients, 1 when it died or took too long.
wait_ready() {
  local deadline=$((SECONDS + start_timeout_s))
  until grep --quiet 'Kafka Server started' "$dir/broker.log"; do
    kill -0 "$(<"$dir/pid")" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# up: launches what is configured, and prints its address.
up() {
  launch
  wait_ready || return 1
  cat "$dir/bootstrap"
}

give_up() {
  kill_broker
  tail -n 20 "$dir/broker.log" >&2
  fail "the broker did not start; its last lines are above, all of them in $dir/broker.log"
}

# start [PORT]
start() {
  running && fail "a broker runs in $dir already"
  (($# == 0)) || port_is_free "$1" || fail "port $1 is in use"
  fetch
  mkdir -p "$dir"
  for _ in 1 2 3; do
    configure "${1:-$(free_port)}"
    format
    up && return
    # Another process may have taken a port that was free a moment ago: try again.
    grep --quiet 'Address already in use' "$dir/broker.log" || break
    kill_broker
  done
  give_up
}

# secure NAME=PASSWORD...: prints the plain address, as start does.
secure() {
  running && fail "a broker runs in $dir already"
  need keytool openjdk-17-jre-headless
  fetch
  mkdir -p "$dir"
  configure "$(free_port)"
  secure_listener "$(free_port)" "$@"
  format "$@"
  up || give_up
}

# allow OPERATION KIND=NAME USER...
allow() {
  local operation=$1 kind=${2%%=*} name=${2#*=} pattern=literal messages
  shift 2
  [[ $name != *\* ]] || pattern=prefixed
  messages=$(tool kafka.admin.AclCommand --bootstrap-server "$(<"$dir/bootstrap")" --add \
    --operation "$operation" "--$kind" "${name%\*}" --resource-pattern-type "$pattern" \
    "${@/#/--allow-principal=User:}" 2>&1) ||
    fail "cannot allow $operation on $kind $name: $(head -n 5 <<<"$messages")"
}

restart() {
  [[ -e $dir/server.properties ]] || fail "no broker was ever started in $dir"
  stop
  fetch
  up || give_up
}

# end SIGNAL SECONDS: sends it, and waits until the broker is gone.
end() {
  local deadline=$((SECONDS + $2))
  kill -s "$1" "$(<"$dir/pid")" 2>/dev/null || true
  while running; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

stop() {
  running || return 0
  end TERM "$stop_timeout_s" || kill_broker
  rm -f "$dir/pid"
}

kill_broker() {
  running || return 0
  end KILL 5 || fail "process $(<"$dir/pid") does not end"
  rm -f "$dir/pid"
}

# topic NAME [PARTITIONS [KEY=VALUE]...]
topic() {
  local name=$1 partitions=${2:-1} messages
  shift "$(($# > 1 ? 2 : 1))"
  messages=$(tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$(<"$dir/bootstrap")" \
    --create --if-not-exists --topic "$name" --partitions "$partitions" \
    "${@/#/--config=}" 2>&1) ||
    fail "cannot create topic $name: $(head -n 5 <<<"$messages")"
}

# Creates all at once, a process each: Kafka's tool takes one name.
# topics NAME[:PARTITIONS[:KEY=VALUE[,KEY=VALUE]...]]...
topics() {
  local spec name partitions list configs pid pids=()
  for spec in "$@"; do
    IFS=: read -r name partitions list <<<"$spec"
    IFS=, read -r -a configs <<<"$list"
    topic "$name" "${partitions:-1}" "${configs[@]}" &
    pids+=("$!")
  done
  local failed=0
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return "$failed"
}

usage() {
  sed -n '4,12s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

main() {
  (($# >= 1)) || usage
  local command=$1
  shift
  if [[ $command == fetch ]]; then
    fetch
    return
  fi

  (($# >= 1)) || usage
  # Not local: the functions above read it.
  dir=$(realpath --canonicalize-missing -- "$1")
  shift
  case $command in
    start | restart | secure) "$command" "$@" ;;
    stop) stop ;;
    kill) kill_broker ;;
    topic | topics | allow)
      (($# >= 1)) || usage
      running || fail "no broker runs in $dir"
      "$command" "$@"
      ;;
    *) usage ;;
  esac
}

main "$@"
