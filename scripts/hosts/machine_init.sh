#!/usr/bin/env bash
# The first process of an emulated machine's namespaces. Started by scripts/machine, never by hand:
#
#   machine_init.sh STATE_DIR QEMU_ROOT DISK_DIR STARTER_FD [OWNER_FD] -- QEMU ARGUMENT…
#
# Its network namespace is the outside of the machine: the same as a testbed's (testbed_init.sh),
# and DHCP. Both descriptors are /proc/PID directories, watched as in a testbed: everything ends if
# the starter dies before it has finished, or if the owner dies. It also ends with the emulator.
# When this process ends, the kernel ends all processes in the namespaces.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"

STATE=$1 QEMU_ROOT=$2 DISK=$3 STARTER_FD=$4 OWNER_FD=''
shift 4
if [[ $1 != -- ]]; then
  OWNER_FD=$1
  shift
fi
shift

mount_qemu() {
  mount --make-rprivate /
  mount -t proc proc /proc
  mount --rbind /dev "$QEMU_ROOT/dev"
  mount -t proc proc "$QEMU_ROOT/proc"
  mount --bind -- "$STATE" "$QEMU_ROOT/machine"
  mount --bind -o ro -- "$DISK" "$QEMU_ROOT/disk"
}

make_outside() {
  ip link set lo up
  ip tuntap add tap0 mode tap
  ip address add 198.51.100.1/24 dev tap0
  ip address add 203.0.113.10/32 dev lo
  ip address add 192.168.77.10/32 dev lo
  ip -6 address add 2001:db8:1::1/64 dev tap0 nodad
  ip -6 address add 2001:db8:77::10/128 dev lo nodad
  ip link set tap0 up
  mkdir -p -- "$STATE/www"
  background /usr/bin/python3 "$SCRIPTS/hosts/answer.py" --name outside \
    --tcp 22,443,631,8080,9000 --udp 9000 --http "80=$STATE/www"
  background dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
    --pid-file= --user=root --bind-interfaces --interface=lo --interface=tap0 \
    --dhcp-range=198.51.100.2,198.51.100.2 --dhcp-leasefile=/dev/null --leasefile-ro \
    --dhcp-option=option:router,198.51.100.1 \
    --address=/outside.test/203.0.113.10 --address=/outside.test/2001:db8:77::10
}

# background CMD…: in the background, without the descriptors that tie us to the outside world.
background() {
  (
    let_go
    exec "$@" </dev/null
  ) &
}

let_go() {
  exec {STARTER_FD}>&-
  if [[ -n $OWNER_FD ]]; then exec {OWNER_FD}>&-; fi
}

main() {
  local emulator
  umask 077
  mount_qemu
  make_outside
  background chroot "$QEMU_ROOT" "$@"
  emulator=$!
  if [[ $(<"$STATE/kind") == *vms ]]; then
    background /usr/bin/python3 "$SCRIPTS/hosts/machine_heartbeat.py" "$STATE/heartbeat"
  fi
  while [[ -e /proc/$emulator ]]; do
    [[ -e $STATE/committed ]] || alive "$STARTER_FD" || exit 1
    [[ -z $OWNER_FD ]] || alive "$OWNER_FD" || exit 0
    # The end of a child wakes it.
    sleep 0.3 &
    wait -n "$emulator" $! || true
  done
}

main "$@"
