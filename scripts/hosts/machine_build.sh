#!/usr/bin/env bash
# machine_build.sh DIR RELEASE INCUS BASE: the disk of an emulated machine (scripts/machine): disk.img, vmlinuz and
# initrd in DIR. A Debian with a kernel, the Incus of that number, and packages that a test switches on: firewalld, ufw,
# NetworkManager. Run by made_root.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$SCRIPTS/lib/apt.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"

DIR=$1 RELEASE=$2 INCUS=$3 BASE=$4
TREE=$DIR/tree

# No netbase: a host as it is after `apt install incus nftables`; a test installs it (/srv/packages).
SYSTEM=(
  linux-image-amd64 systemd-sysv udev dbus apparmor iproute2 iputils-ping procps kmod less
  python3-minimal python3 ca-certificates netcat-openbsd nftables e2fsprogs wireguard-tools
)
INCUS_PACKAGES=(
  incus incus-client incus-agent dnsmasq-base btrfs-progs attr acl rsync squashfs-tools
  qemu-system-x86 qemu-utils ovmf virtiofsd genisoimage gdisk
)
NEIGHBOURS=(firewalld ufw network-manager)
PROVISIONING=(ansible)

add_packages() {
  chroot "$TREE" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
}

make_tree() {
  local suite=()
  cp -a -- "$BASE" "$TREE"
  give_registries "$TREE" "$RELEASE"
  mount -t proc proc "$TREE/proc"
  mount --bind /dev "$TREE/dev"
  printf '#!/bin/sh\nexit 101\n' >"$TREE/usr/sbin/policy-rc.d"
  chmod 755 "$TREE/usr/sbin/policy-rc.d"
  if [[ $RELEASE == bookworm || $INCUS == 7 ]]; then
    sed "s/^Suites: .*/Suites: $RELEASE-backports/" "$TREE/etc/apt/sources.list.d/debian.sources" \
      >"$TREE/etc/apt/sources.list.d/backports.sources"
    suite=(-t "$RELEASE-backports")
  fi
  if [[ $RELEASE != bookworm ]]; then INCUS_PACKAGES+=(qemu-system-modules-spice); fi
  chroot "$TREE" apt-get -q update
  add_packages "${SYSTEM[@]}" "${NEIGHBOURS[@]}" "${PROVISIONING[@]}"
  add_packages "${suite[@]}" "${INCUS_PACKAGES[@]}"
  mkdir -p -- "$TREE/srv/packages"
  chroot "$TREE" sh -c 'cd /srv/packages && apt-get -q download netbase'
  chroot "$TREE" dpkg --purge --force-depends netbase
  rm -f -- "$TREE/usr/sbin/policy-rc.d"
  umount "$TREE/proc" "$TREE/dev"
  rm -rf -- "$TREE"/var/cache/apt/archives/*.deb "$TREE"/var/cache/apt/*.bin "$TREE"/var/lib/apt/lists/* "$TREE"/var/log/*.log
  rm -rf -- "$TREE"/usr/share/{doc,man,locale}/*
}

set_up() {
  printf '/dev/vda / ext4 defaults 0 1\nshare /mnt/share 9p trans=virtio,version=9p2000.L,nofail 0 0\n' >"$TREE/etc/fstab"
  mkdir -p -- "$TREE/mnt/share"
  printf 'machine\n' >"$TREE/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 machine\n::1 localhost\n' >"$TREE/etc/hosts"
  printf 'nameserver 203.0.113.10\n' >"$TREE/etc/resolv.conf"
  : >"$TREE/etc/machine-id"
  chroot "$TREE" passwd -q -d root

  # The uplink: networkd's, until a test gives it to somebody else.
  printf '[Match]\nMACAddress=52:54:00:00:00:02\n[Link]\nName=uplink0\n' >"$TREE/etc/systemd/network/10-uplink.link"
  printf '[Match]\nName=uplink0\n[Network]\nAddress=198.51.100.2/24\nGateway=198.51.100.1\nAddress=2001:db8:1::2/64\nGateway=2001:db8:1::1\nIPv6AcceptRA=no\n' \
    >"$TREE/etc/systemd/network/50-uplink.network"
  cat >"$TREE/etc/systemd/system/machine-agent.service" <<'UNIT'
[Unit]
Description=Commands of scripts/machine, from the ports of the emulator
DefaultDependencies=no
RequiresMountsFor=/mnt/share
[Service]
ExecStart=/usr/bin/python3 /mnt/share/agent.py
Restart=always
[Install]
WantedBy=sysinit.target
UNIT
  mkdir -p -- "$TREE/etc/systemd/system/serial-getty@ttyS0.service.d"
  printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %%I 115200 vt220\n' \
    >"$TREE/etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf"
  chroot "$TREE" systemctl -q enable systemd-networkd machine-agent incus.service
  chroot "$TREE" systemctl -q disable firewalld ufw NetworkManager nftables NetworkManager-wait-online
  chroot "$TREE" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
    systemd-networkd-wait-online.service dpkg-db-backup.timer man-db.timer
}

make_disk() {
  cp -L -- "$TREE"/boot/vmlinuz-* "$DIR/vmlinuz"
  cp -L -- "$TREE"/boot/initrd.img-* "$DIR/initrd"
  mke2fs -q -t ext4 -d "$TREE" "$DIR/disk.img" 16G
  rm -rf --one-file-system -- "$TREE"
}

make_tree
set_up
make_disk
