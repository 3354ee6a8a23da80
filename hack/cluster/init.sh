#!/usr/bin/env bash
# The first process of a cluster's namespaces: init.sh FOLDER COMMAND... It gives the programs a /run and a /var/log of their own, runs COMMAND,
# and collects processes that lost their parent (containerd's shims), which Node would not. When COMMAND ends, it ends, and with it everything inside.
set -euo pipefail
folder=$1
shift
mount --make-rshared /
mkdir -p "$folder/log/var"
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$folder/log/var" /var/log
mkdir -p /run/lock
"$@" &
wait $!
