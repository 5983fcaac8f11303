#!/usr/bin/env bash
# incus_root_build.sh DIR 6 BASE MIRROR HASH_OF_REQUIREMENTS: a Debian 13 with its own Incus 6.0 and what a testbed
# and the suites need, in DIR; Incus 7.0's packages lie in /opt/incus7, and Ansible with its linter in /opt/anklume.
# incus_root_build.sh DIR 7 ROOT: the same, upgraded to those packages.
# Run by made_root (debian_root.sh), in mount and pid namespaces of its own.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$SCRIPTS/lib/apt.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"

DIR=$1
RELEASE=trixie
NEWER=/opt/incus7
# What scripts/lib/install brings to a machine, less the makers of images; and what tests look with.
PACKAGES=(
  incus incus-client dnsmasq-base nftables netbase btrfs-progs
  iproute2 iputils-ping procps kmod util-linux util-linux-extra attr acl rsync jq squashfs-tools tar
  ca-certificates curl python3 python3-venv systemd iptables bsdutils
)

# inside CMD…: in the new system, with nothing of this machine's environment.
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    SYSTEMD_OFFLINE=1 chroot "$DIR" "$@"
}

apt_inside() { inside apt-get -q -y --no-install-recommends "$@"; }

build_6() {
  cp -a -- "$1/." "$DIR"
  give_registries "$DIR" "$RELEASE"
  sed "s/^Suites: .*/&-backports/" "$DIR/etc/apt/sources.list.d/debian.sources" \
    >"$DIR/etc/apt/sources.list.d/backports.sources"
  # No service starts while packages are installed.
  printf '#!/bin/sh\nexit 101\n' >"$DIR/usr/sbin/policy-rc.d"
  chmod 755 "$DIR/usr/sbin/policy-rc.d"
  [[ -e $DIR/etc/hosts ]] || printf '127.0.0.1 localhost\n::1 localhost\n' >"$DIR/etc/hosts"
  mount -t proc proc "$DIR/proc"
  apt_inside update
  apt_inside install "${PACKAGES[@]}"
  apt_inside clean
  mkdir -p -- "$DIR$NEWER/partial"
  apt_inside -t "$RELEASE-backports" --download-only -o "Dir::Cache::archives=$NEWER" install incus incus-client
  rm -rf -- "$DIR$NEWER/partial" "$DIR$NEWER/lock"

  # A proxy with a certificate of its own may stand between this machine and PyPI.
  cp -L -- /etc/ssl/certs/ca-certificates.crt "$DIR/etc/ssl/certs/ca-certificates.crt"
  cp -- "$SCRIPTS"/lib/requirements*.txt "$DIR/opt/"
  inside python3 -m venv /opt/anklume
  inside /opt/anklume/bin/pip install --quiet --no-input --disable-pip-version-check \
    --cert /etc/ssl/certs/ca-certificates.crt -r /opt/requirements.txt -r /opt/requirements-tests.txt
  umount "$DIR/proc"
  rm -rf -- "$DIR"/var/lib/apt/lists/*
}

build_7() {
  cp -a -- "$1/." "$DIR"
  mount -t proc proc "$DIR/proc"
  inside bash -c "dpkg --install --force-confnew $NEWER/*.deb"
  umount "$DIR/proc"
}

"build_$2" "${@:3}"
