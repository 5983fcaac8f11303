#!/usr/bin/env bash
# machine_qemu_build.sh DIR RELEASE BASE: a Debian with QEMU in DIR, entered by chroot to run an emulated
# machine (machine_init.sh). Run by made_root.
#
# Machines that are to run virtual machines of their own need QEMU 7.2 (Debian 12): 10 and later abort when KVM in an
# emulated machine enters its guest. 7.2 aborts too, in one assertion: tcg_handle_interrupt() of TCG's module wants a lock
# that is not held on that path. In this copy the assertion always passes.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$SCRIPTS/lib/apt.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"

DIR=$1 RELEASE=$2 BASE=$3

rmdir -- "$DIR"
cp -a -- "$BASE" "$DIR"
give_registries "$DIR" "$RELEASE"
mount -t proc proc "$DIR/proc"
chroot "$DIR" apt-get -q update
chroot "$DIR" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
  qemu-system-x86 qemu-utils seabios ipxe-qemu
umount "$DIR/proc"
rm -rf -- "$DIR"/var/cache/apt/archives/*.deb "$DIR"/var/lib/apt/lists/* "$DIR/etc/resolv.conf"
mkdir -p -- "$DIR/machine" "$DIR/disk"
if [[ $RELEASE == bookworm ]]; then python3 "$SCRIPTS/hosts/machine_qemu_patch.py" "$DIR"; fi
