#!/usr/bin/env bash
# Installs the Debian packages that some end-to-end tests need, and only those that are missing. Needs root for that.
#
#   e2e/tools/debian.sh GROUP ...
#
#   containers   containerd, runc, CNI plugins: a real kubelet's containers
#   monitoring   prometheus: scrapes a running server with the project's own rules
#   browser      chromium: pictures of dashboards
#   images       pdftoppm: pages of reports as pictures
set -euo pipefail

declare -A packages=(
  [containers]="containerd runc containernetworking-plugins iptables conntrack socat ethtool"
  [monitoring]="prometheus"
  [browser]="chromium fonts-dejavu-core"
  [images]="poppler-utils"
)

if [[ $# -eq 0 ]]; then
  echo "debian.sh: name groups of: ${!packages[*]}" >&2
  exit 2
fi
missing=()
for group in "$@"; do
  if [[ -z ${packages[$group]:-} ]]; then
    echo "debian.sh: no group '$group'; there are: ${!packages[*]}" >&2
    exit 2
  fi
  for package in ${packages[$group]}; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "debian.sh: nothing to install"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "debian.sh: no apt-get here; install by other means: ${missing[*]}" >&2
  exit 1
fi
echo "debian.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Services that packages would start on installation have no business here: tests start what they need themselves.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
