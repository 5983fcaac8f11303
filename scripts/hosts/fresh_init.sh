#!/usr/bin/env bash
# The first process of a fresh machine, in separate namespaces. Started by scripts/fresh, never by
# hand:
#
#   fresh_init.sh WORK LOWER RELEASE INCUS COMMIT SHARE COUNT FILE… CMD…
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$SCRIPTS/lib/apt.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"
CGROUP_PREFIX=anklume-fresh
# shellcheck source=scripts/hosts/testbed_cgroup.sh
. "$SCRIPTS/hosts/testbed_cgroup.sh"

WORK=$1 LOWER=$2 RELEASE=$3 INCUS=$4 COMMIT=$5 SHARE=$6 COUNT=$7
shift 7
PUT=("${@:1:COUNT}")
COMMAND=("${@:COUNT+1}")
VIEW=$WORK/root
# On a plain disk, as on a real machine: a loop device, another overlay or a shifted mount may be on
# it.
DISKS=(/var/tmp /var/cache/anklume /root/anklume)

mount_disks() {
  local dir image
  for dir in "${DISKS[@]}"; do
    mkdir -p -- "$WORK/disk$dir" "$VIEW$dir"
    mount --bind -- "$WORK/disk$dir" "$VIEW$dir"
  done
  chmod 1777 -- "$VIEW/var/tmp"
  [[ -n $SHARE ]] || return 0
  for image in "$CACHE"/image-*; do
    [[ -e $image/complete ]] || continue
    mkdir -- "$VIEW/var/cache/anklume/${image##*/}"
    mount --bind -o ro -- "$image" "$VIEW/var/cache/anklume/${image##*/}"
  done
}

name_machine() {
  hostname "fresh-$RELEASE"
  printf '%s\n' "fresh-$RELEASE" >"$VIEW/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "fresh-$RELEASE" >"$VIEW/etc/hosts"
}

put_tree() {
  mkdir -p -- "$VIEW/root/anklume"
  git -C "$ROOT" archive "$COMMIT" | tar -x -C "$VIEW/root/anklume"
  if ((${#PUT[@]})); then install -m 755 -- "${PUT[@]}" "$VIEW/usr/local/bin/"; fi
}

# machine_environment: sets ENVIRONMENT to a login's variables, and those of a proxy.
machine_environment() {
  local name
  ENVIRONMENT=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  if [[ -n ${TERM:-} ]]; then ENVIRONMENT+=("TERM=$TERM"); fi
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [[ -n ${!name:-} ]]; then ENVIRONMENT+=("$name=${!name}"); fi
  done
  if [[ $INCUS != 6 ]]; then ENVIRONMENT+=("ANKLUME_INCUS=$INCUS"); fi
}

umask 022
mount_view "$LOWER" "$WORK"
mount -t tmpfs -o mode=1777 tmpfs "$VIEW/dev/shm"
mount_cgroups "${WORK##*/}" "$VIEW"
mount_disks
give_registries "$VIEW" "$RELEASE"
name_machine
put_tree
machine_environment
pivot_now "$WORK"
cd /root/anklume
# Not even the shell of the machine outside stays. The command is not run by `exec`: a parent has to
# reap orphans.
# shellcheck disable=SC2016
exec env -i "${ENVIRONMENT[@]}" /bin/bash -c '"$@"; exit $?' fresh "${COMMAND[@]}"
