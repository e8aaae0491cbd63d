#!/usr/bin/env bash
# Lays out a built program with its libraries and its model: install.sh PROGRAM PREFIX [torch]
#
#   PREFIX/bin/copydesk              the program
#   PREFIX/lib/copydesk/             OpenVINO's libraries, which the program loads by itself
#   PREFIX/lib/                      libtorch's, which it is linked to; with `torch` alone
#   PREFIX/share/copydesk/models/    what its engines read of the model; in fast/ of the fast one
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib.sh
source "$root/deploy/lib.sh"

models=$root/services/encoder/models
# The checksums are of all files; the program compares those that it reads.
model_files=(SHA256SUMS config.json heads.json heads.safetensors tokenizer.json
  openvino_model.xml openvino_model.bin)

main() {
  (($# == 2)) || [[ $# == 3 && $3 == torch ]] || fail "usage: install.sh PROGRAM PREFIX [torch]"
  local program=$1 prefix=$2 engine=${3:-}
  install -D --strip "$program" "$prefix/bin/copydesk"
  install -D --mode=644 --target-directory="$prefix/lib/copydesk" "$root"/.cache/native/openvino/*.so*
  if [[ $engine == torch ]]; then
    model_files+=(model.safetensors)
    install -D --mode=644 --target-directory="$prefix/lib" "$root"/.cache/native/libtorch/lib/*.so*
  fi
  local profile
  for profile in . fast; do
    install -D --mode=644 --target-directory="$prefix/share/copydesk/models/$profile" \
      "${model_files[@]/#/$models/$profile/}"
  done
  install -D --mode=644 --target-directory="$prefix/share/copydesk/models" "$models/MODEL_CARD.md"
  install -D --mode=644 --target-directory="$prefix/share/doc/copydesk" "$root/LICENSE"
}

main "$@"
