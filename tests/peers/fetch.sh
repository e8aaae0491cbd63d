#!/usr/bin/env bash
# Installs into .cache/peers what `make bench` compares Copydesk with: spaCy and transformers from PyPI,
# CoreNLP from Maven. 8 GB, most of it torch, which comes with the libraries of GPUs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

peers=$root/tests/peers
target=$root/.cache/peers

# venv NAME: a virtual environment with what NAME.txt lists, which is copied into it last.
venv() {
  local list=$peers/$1.txt venv=$target/$1
  cmp --silent "$list" "$venv/list.txt" && return
  say "fetching what ${list#"$root/"} lists"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --requirement "$list" >&2
  cp "$list" "$venv/list.txt"
}

# CoreNLP, and the program around it, compiled.
corenlp() {
  local pom=$peers/pom.xml java=$peers/CoreNlp.java folder=$target/corenlp
  cmp --silent "$pom" "$folder/pom.xml" && cmp --silent "$java" "$folder/CoreNlp.java" && return
  say "fetching Stanford CoreNLP $(pom_property "$pom" corenlp.version) (500 MB)"
  rm -rf "$folder"
  copy_dependencies "$pom" "$folder/libs"
  local jars
  jars=$(printf '%s:' "$folder"/libs/*.jar)
  java -cp "$jars" org.eclipse.jdt.internal.compiler.batch.Main -17 -cp "$jars" \
    -d "$folder/classes" "$java" >&2
  cp "$pom" "$java" "$folder/"
}

main() {
  lock "$target/lock"
  venv spacy
  venv transformers
  corenlp
}

main "$@"
