#!/usr/bin/env bash
# Builds the real programs that the end-to-end tests run against (etcd, kube-apiserver, helm, ...).
#
#   e2e/tools/setup.sh [--list] [GROUP ...]     groups: see tools.tsv; none named: all of them
#
# Where to: ${EDGESTORE_TOOLS:-${XDG_CACHE_HOME:-~/.cache}/edgestore-tools}/MODULE-HASH/PROGRAM, outside the
# checkout, so that a fresh clone finds what an earlier one built. HASH covers all that decides the result (go.mod,
# go.sum, ldflags): an unchanged module is never built again, and two checkouts with different pins do not disturb
# each other. Any number of these scripts may run at once: a lock per module makes the second wait for the first.
#
# `go install PACKAGE@VERSION` refuses modules with replace lines (Kubernetes has 33), so each program is a `tool` of
# a small module of our own, whose go.sum is committed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${EDGESTORE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/edgestore-tools}
table=$here/tools.tsv

rows() { grep -v '^#' "$table"; }
groups() { rows | cut -f1 | awk '!seen[$0]++'; }

if [[ ${1:-} == --list ]]; then
  rows | column -t
  exit 0
fi

for group in "$@"; do
  if ! groups | grep -qx -- "$group"; then
    echo "setup.sh: no group '$group'; there are: $(groups | tr '\n' ' ')" >&2
    exit 2
  fi
done
if ! command -v go >/dev/null; then
  echo "setup.sh: Go is missing: the end-to-end tests build etcd, Kubernetes and others with it. Install Go 1.26 or newer." >&2
  exit 1
fi
if ! command -v flock >/dev/null; then
  echo "setup.sh: flock (Debian package util-linux) is missing" >&2
  exit 1
fi
[[ $# -gt 0 ]] || mapfile -t wanted < <(groups)
[[ $# -eq 0 ]] || wanted=("$@")

# Must agree with moduleHash in tools.ts.
module_hash() {
  local files=()
  for file in go.mod go.sum ldflags; do
    [[ -f $here/$1/$file ]] && files+=("$here/$1/$file")
  done
  cat "${files[@]}" | sha256sum | cut -c1-12
}

# What a person has in GOFLAGS (say -mod=mod) must not change what is built.
export GOFLAGS="-p=${EDGESTORE_TOOLS_JOBS:-2} -buildvcs=false" GOWORK=off CGO_ENABLED=0

# build MODULE BINARY PACKAGE: into the cache unless it is there. The rename is last, so a program is there whole or not at all.
build() {
  local module=$1 binary=$2 package=$3 directory target ldflags started source folder
  directory=$cache/$module-$(module_hash "$module")
  target=$directory/$binary
  mkdir -p "$directory" "$cache/bin"
  if [[ ! -x $target ]]; then
    exec 9>"$directory/.lock"
    flock 9
    if [[ ! -x $target ]]; then
      started=$SECONDS
      echo "setup.sh: building $binary ..."
      ldflags="-s -w $(cat "$here/$module/ldflags" 2>/dev/null || true)"
      if [[ $binary == *.test ]]; then
        (cd "$here/$module" && nice -n 10 go test -c -mod=readonly -tags e2e -ldflags "$ldflags" -o "$target.part" "$package")
        # The suite reads ../fixtures (certificates) from the package's own folder: keep both beside it, writable.
        source=$(cd "$here/$module" && go list -mod=readonly -f '{{.Dir}}' "$package")
        for folder in "$source" "$source/../fixtures"; do
          cp -rL --no-preserve=mode "$folder" "$directory/"
        done
      else
        (cd "$here/$module" && nice -n 10 go build -mod=readonly -trimpath -ldflags "$ldflags" -o "$target.part" "$package")
      fi
      mv "$target.part" "$target"
      echo "setup.sh: built $binary in $((SECONDS - started)) s"
    fi
    exec 9>&-
  fi
  # For people only: the newest of each program under one roof. Tests use the path with the hash.
  ln -sfn "$target" "$cache/bin/$binary"
}

for group in "${wanted[@]}"; do
  while IFS=$'\t' read -r of module binary package; do
    [[ $of == "$group" ]] || continue
    build "$module" "$binary" "$package" </dev/null
  done < <(rows)
done
echo "setup.sh: ready in $cache: ${wanted[*]}"
