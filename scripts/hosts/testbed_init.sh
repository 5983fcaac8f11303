#!/usr/bin/env bash
# The first process of a testbed: pid 1 of a set of namespaces that looks like a separate host.
# Started by scripts/testbed, never by hand:
#
#   testbed_init.sh STATE_DIR STARTER_FD [OWNER_FD]
#
# Both descriptors are /proc/PID directories of the world outside (an open directory cannot be
# mistaken for a later process of the same number). The testbed ends if the script that starts it
# dies before it has written "committed", and if the owner, if there is one, dies at any time.
# When this process ends, the kernel ends all processes in here.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"

STATE=$1 STARTER_FD=$2 OWNER_FD=${3:-}
# Mounted over the machine's own, so that programs in here use their standard paths.
OWN_DIRECTORIES=(
  /var/lib/incus /var/log/incus /var/cache/incus
  /etc/anklume /etc/systemd/system /var/lib/anklume
)

# A host with its own root (--incus) sees only the parts of the machine that are bound here. Its
# Ansible replaces the checkout's.
enter_own_system() {
  local view=$STATE/view/root system each
  [[ -e $STATE/system ]] || return 0
  system=$(<"$STATE/system")
  [[ -d $system ]] || die "its root $system is gone from the cache: stop this testbed and start it again"
  mount_view "$system" "$STATE/view"
  for each in "$ROOT" "$CACHE" "$TESTBEDS" "${DENO_DIR:-$HOME/.cache/deno}" /tmp "${TMPDIR:-/tmp}"; do
    mkdir -p -- "$each" "$view$each"
  done
  # Mounts below the checkout and /tmp are included; below the testbeds are the views themselves.
  for each in "$ROOT" /tmp "${TMPDIR:-/tmp}"; do mount --rbind -- "$each" "$view$each"; done
  for each in "$CACHE" "$TESTBEDS" "${DENO_DIR:-$HOME/.cache/deno}"; do mount --bind -- "$each" "$view$each"; done
  if [[ -e $VENV ]]; then
    each=$(readlink -f -- "$VENV")
    mkdir -p -- "$view$each"
    mount --bind -- "$view/opt/anklume" "$view$each"
  fi
  pivot_now "$STATE/view"
}

mount_own_host() {
  local dir
  mount --make-rprivate /

  # A fresh /proc and /sys show the new namespaces. The cgroup trees are the machine's: without them
  # containers die at once. Security file systems stay hidden, and so AppArmor: its profiles would
  # outlive the testbed.
  mount -t proc proc /proc
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir /run/cgroup
  if [[ -e $STATE/cgroup2 ]]; then
    mount -t cgroup2 cgroup2 /run/cgroup
  else
    mount --rbind /sys/fs/cgroup /run/cgroup
  fi
  mount -t sysfs sysfs /sys
  mount --rbind /run/cgroup /sys/fs/cgroup
  umount -l /run/cgroup
  rmdir /run/cgroup
  mkdir -m 1777 /run/lock
  mkdir -p /run/netns /run/testbed

  for dir in "${OWN_DIRECTORIES[@]}"; do
    mkdir -p -- "$STATE/root$dir"
    if [[ ! -d $dir ]]; then
      mkdir -p -- "$dir"
      # It is on the machine itself: the last testbed to stop removes it.
      [[ -e $STATE/system ]] || printf '%s\n' "$dir" >>"$TESTBEDS/.directories"
    fi
    mount --bind -- "$STATE/root$dir" "$dir"
  done

  # The machine's resolver cannot be reached from here: the outside resolves names.
  local resolv
  resolv=$(readlink -m /etc/resolv.conf)
  printf 'nameserver 203.0.113.10\n' >"$STATE/root/resolv.conf"
  mkdir -p -- "${resolv%/*}"
  [[ -e $resolv ]] || : >"$resolv"
  mount --bind -- "$STATE/root/resolv.conf" "$resolv"
}

# The outside: a router with a server behind it, at a documentation address and at a private one, so
# that tests can tell `internet: public-only` from `true`. It has no route back to a domain's
# subnet: only masqueraded packets get an answer.
make_outside() {
  ip netns add outside
  ip link add eth0 type veth peer name eth0 netns outside
  ip -n outside link set lo up
  ip -n outside address add 198.51.100.1/24 dev eth0
  ip -n outside address add 203.0.113.10/32 dev lo
  ip -n outside address add 192.168.77.10/32 dev lo
  ip -n outside -6 address add 2001:db8:1::1/64 dev eth0 nodad
  ip -n outside -6 address add 2001:db8:77::10/128 dev lo nodad
  ip -n outside link set eth0 up

  ip link set lo up
  ip address add 198.51.100.2/24 dev eth0
  ip -6 address add 2001:db8:1::2/64 dev eth0 nodad
  ip link set eth0 up
  ip route add default via 198.51.100.1
  ip -6 route add default via 2001:db8:1::1
  sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

  answer outside --name outside --tcp 22,443,631,8080,9000 --udp 9000 --http "80=$STATE/www"
  in_netns outside dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
    --pid-file= --user=root --bind-interfaces --interface=lo --interface=eth0 \
    --address=/outside.test/203.0.113.10 --address=/outside.test/2001:db8:77::10
}

# A bridge that is not anklume's, with one peer and Docker's usual masquerading.
make_foreign_bridge() {
  ip netns add docker
  ip link add docker0 type bridge
  ip address add 172.17.0.1/16 dev docker0
  ip link add vethdocker type veth peer name eth0 netns docker
  ip link set vethdocker master docker0 up
  ip link set docker0 up
  ip -n docker link set lo up
  ip -n docker address add 172.17.0.2/16 dev eth0
  ip -n docker link set eth0 up
  ip -n docker route add default via 172.17.0.1
  nft -f - <<'NFT'
table ip foreign_docker {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
  }
}
NFT
  answer docker --name docker --tcp 22,631,8080 --udp 9000 --http "80="
  answer '' --name host --tcp 22,8080 --udp 9000
}

# in_netns NAME CMD...: in the background, without the descriptors that tie us to the outside world.
in_netns() {
  local netns=$1
  shift
  if [[ -n $netns ]]; then set -- nsenter "--net=/run/netns/$netns" "$@"; fi
  (
    let_go
    exec "$@" </dev/null
  ) &
}

answer() {
  local netns=$1
  shift
  in_netns "$netns" /usr/bin/python3 "$SCRIPTS/hosts/answer.py" "$@"
}

# Does the work of systemd before it starts Incus at boot, since there is none: a unit that Incus
# requires is run first, and if it fails Incus does not start.
run_required_units() {
  local unit command start
  for unit in /etc/systemd/system/incus.service.requires/*.service; do
    [[ -e $unit ]] || continue
    while IFS='=' read -r start command; do
      say "boot: ${unit##*/}: $command"
      if [[ $start == ExecStart ]] && grep -qE '^Type=(exec|simple)' "$unit"; then
        in_netns '' bash -c "${command##[-+!@:]}"
        continue
      fi
      bash -c "${command##[-+!@:]}" || {
        say "boot: ${unit##*/} failed: Incus, which requires it, is not started"
        return 1
      }
    done < <(grep -E '^ExecStart(Pre)?=' "$unit")
  done
}

# A new daemon gets the result of `incus admin init`, without the bridge.
initialize_incus() {
  [[ ! -e $STATE/initialized ]] || return 0
  export INCUS_CONF=$STATE/client
  incus --quiet storage create default btrfs "size=${ANKLUME_TESTBED_POOL_SIZE:-15GiB}"
  incus --quiet profile device add default root disk path=/ pool=default
  : >"$STATE/initialized"
}

boot() {
  trap '[[ -e $STATE/ready ]] || : >"$STATE/failed"' EXIT
  let_go
  "$SCRIPTS/hosts/testbed_path_units.sh" &
  if run_required_units; then
    "$SCRIPTS/hosts/testbed_daemon.sh" start
    initialize_incus
  fi
  : >"$STATE/ready"
}

# Only the supervisor watches the world outside.
let_go() {
  exec {STARTER_FD}>&-
  if [[ -n $OWNER_FD ]]; then exec {OWNER_FD}>&-; fi
}

main() {
  umask 022
  hostname "${STATE##*/}"
  rm -f -- "$STATE/ready" "$STATE/failed"
  enter_own_system
  mount_own_host
  make_outside
  make_foreign_bridge

  mkfifo /run/testbed/control
  local control word=''
  exec {control}<>/run/testbed/control
  (
    exec {control}>&-
    boot
  ) &

  while :; do
    if [[ -e $STATE/committed ]]; then
      if [[ -z $OWNER_FD ]]; then
        # No owner to watch: sleep until told otherwise (bash reaps orphans meanwhile).
        read -r -u "$control" word || true
      else
        read -r -t 0.5 -u "$control" word || true
      fi
    else
      read -r -t 0.1 -u "$control" word || true
      alive "$STARTER_FD" || [[ -e $STATE/committed ]] || exit 1
    fi
    [[ -z $OWNER_FD ]] || alive "$OWNER_FD" || exit 0
    [[ $word != halt ]] || exit 0
  done
}

main
