#!/usr/bin/env bash
# vm_image_build.sh DIR RELEASE BASE: an image of virtual machines for Incus, disk.qcow2 and meta.tar.gz in DIR: GPT, an ESP
# with systemd-boot, an ext4 root with incus-agent and Python. Run by made_root in mount and pid namespaces of its own; the
# tools that it takes are Debian's, in a root that goes with it.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$SCRIPTS/lib/apt.sh"
# shellcheck source=scripts/hosts/debian_root.sh
. "$SCRIPTS/hosts/debian_root.sh"

DIR=$1 RELEASE=$2 BASE=$3
# The parts of the disk stand in WORK, which is /work of TOOLS, too: the tools are run in there by chroot.
TOOLS=$DIR/tools
WORK=$TOOLS/work
TREE=$WORK/tree

# The kernel for clouds has no 9p, by which the agent gets its settings. Of the rest see image_build.sh.
PACKAGES=(
  linux-image-amd64 systemd-boot-efi incus-agent
  systemd-sysv systemd-resolved udev dbus iproute2 iputils-ping procps kmod netcat-openbsd python3-apt
)
TOOL_PACKAGES=(dosfstools mtools fdisk e2fsprogs qemu-utils)
# Nobody's hardware in a virtual machine; half of the image.
NO_DRIVERS=(
  sound drivers/{gpu,media,infiniband,iio,isdn,usb,staging,thunderbolt,bluetooth,mmc,mtd,platform,nfc,ata,comedi,hwmon,power,w1}
  drivers/net/{wireless,ethernet,usb,can,wwan,fddi,phy,ieee802154,hamradio,arcnet,dsa}
  net/{wireless,mac80211,bluetooth,nfc,can}
)
# MiB
ESP=96 ROOT_SIZE=1400
# With the same packages the same disk, but for what their scripts write with the time.
EPOCH=1700000000
ESP_ID=a11c1e00 ROOT_UUID=a11c1e00-0000-4000-8000-000000000001

# add_packages ROOT PACKAGE…
add_packages() {
  local root=$1
  shift
  give_registries "$root" "$RELEASE"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  mount -t proc proc "$root/proc"
  chroot "$root" apt-get -q update
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
  umount "$root/proc"
  rm -f -- "$root/usr/sbin/policy-rc.d" "$root"/etc/apt/sources.list.d/debian.sources
  rm -rf -- "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
}

make_tree() {
  cp -a -- "$BASE" "$TREE"
  mkdir -p -- "$TREE/etc/initramfs-tools/conf.d"
  # A processor that is emulated twice unpacks it: nothing but what finds the root disk.
  printf 'MODULES=list\nCOMPRESS=lz4\n' >"$TREE/etc/initramfs-tools/conf.d/image"
  printf '%s\n' virtio_pci virtio_scsi virtio_blk sd_mod ext4 >"$TREE/etc/initramfs-tools/modules"
  add_packages "$TREE" "${PACKAGES[@]}" lz4
  rm -rf -- "$TREE"/usr/share/{doc,man,info,locale}/* "$TREE/etc/resolv.conf" "$TREE/etc/pip.conf" "$TREE/root/.npmrc" \
    "$TREE"/usr/local/share/ca-certificates/of-this-machine-*
  set_up
  trim_kernel
}

set_up() {
  printf 'LABEL=root / ext4 defaults 0 1\n' >"$TREE/etc/fstab"
  printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n' \
    >"$TREE/etc/systemd/network/nic.network"
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$TREE/etc/resolv.conf"
  chroot "$TREE" systemctl -q enable systemd-networkd systemd-resolved
  chroot "$TREE" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-networkd-wait-online.service
  : >"$TREE/etc/machine-id"
  rm -f -- "$TREE/etc/hostname" "$TREE/var/lib/dbus/machine-id"
}

# trim_kernel: takes kernel and initrd out, for the ESP, and the modules away that nothing here asks for.
trim_kernel() {
  local modules=("$TREE"/lib/modules/*) each
  for each in "${NO_DRIVERS[@]}"; do rm -rf -- "${modules[0]}/kernel/$each"; done
  chroot "$TREE" depmod "${modules[0]##*/}"
  mv -- "$TREE"/boot/vmlinuz-* "$WORK/vmlinuz"
  mv -- "$TREE"/boot/initrd.img-* "$WORK/initrd"
  rm -f -- "$TREE"/boot/* "$TREE"/vmlinuz* "$TREE"/initrd.img*
}

# tool CMD…: in WORK, of the tools' root.
tool() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH="$EPOCH" MTOOLS_SKIP_CHECK=1 \
    chroot "$TOOLS" sh -ec 'cd /work; exec "$@"' sh "$@"
}

make_disk() {
  local at=$((1 + ESP))
  cp -- "$TREE/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$WORK/boot.efi"
  printf 'default debian\ntimeout 0\n' >"$WORK/loader.conf"
  # Incus reads the serial line out as the machine's console.
  printf 'title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions root=LABEL=root rw quiet console=tty1 console=ttyS0\n' \
    >"$WORK/debian.conf"
  truncate -s "${ESP}M" "$WORK/esp"
  tool mkfs.vfat -F 32 -n ESP -i "$ESP_ID" --invariant esp >/dev/null
  tool mmd -i esp ::EFI ::EFI/BOOT ::loader ::loader/entries
  tool mcopy -m -i esp boot.efi ::EFI/BOOT/BOOTX64.EFI
  tool mcopy -m -i esp vmlinuz initrd ::
  tool mcopy -m -i esp loader.conf ::loader/
  tool mcopy -m -i esp debian.conf ::loader/entries/
  find "$TREE" -xdev -newermt "@$EPOCH" -exec touch -h -d "@$EPOCH" {} +
  tool mke2fs -q -t ext4 -L root -U "$ROOT_UUID" -E "hash_seed=$ROOT_UUID,root_owner=0:0" -d tree root "${ROOT_SIZE}M"

  truncate -s "$((at + ROOT_SIZE + 1))M" "$WORK/disk"
  tool sfdisk -q disk <<PARTITIONS
label: gpt
label-id: $ROOT_UUID
start=1MiB, size=${ESP}MiB, type=U, uuid=a11c1e00-0000-4000-8000-000000000002
start=${at}MiB, size=${ROOT_SIZE}MiB, type=L, uuid=a11c1e00-0000-4000-8000-000000000003
PARTITIONS
  tool dd if=esp of=disk bs=1M seek=1 conv=notrunc,sparse status=none
  tool dd if=root of=disk bs=1M "seek=$at" conv=notrunc,sparse status=none
  tool qemu-img convert -c -O qcow2 disk disk.qcow2
  mv -- "$WORK/disk.qcow2" "$DIR/disk.qcow2"
}

# The agent fills in the templates, within the machine.
make_metadata() {
  mkdir -p -- "$WORK/meta/templates"
  printf '{{ instance.name }}\n' >"$WORK/meta/templates/hostname.tpl"
  printf '127.0.0.1 localhost\n127.0.1.1 {{ instance.name }}\n::1 localhost ip6-localhost ip6-loopback\n' \
    >"$WORK/meta/templates/hosts.tpl"
  cat >"$WORK/meta/metadata.yaml" <<YAML
architecture: x86_64
creation_date: $EPOCH
properties:
  description: anklume test image of virtual machines, Debian $RELEASE
  os: Debian
  release: $RELEASE
templates:
  /etc/hostname: { when: [create, copy], template: hostname.tpl }
  /etc/hosts: { when: [create, copy], template: hosts.tpl }
YAML
  tar -C "$WORK/meta" --sort=name --mtime="@$EPOCH" --owner=0 --group=0 --numeric-owner -cf - metadata.yaml templates |
    gzip -n >"$DIR/meta.tar.gz"
}

cp -a -- "$BASE" "$TOOLS"
mkdir -p -- "$WORK"
add_packages "$TOOLS" "${TOOL_PACKAGES[@]}"
make_tree
make_metadata
make_disk
rm -rf --one-file-system -- "$TOOLS"
chmod -R a+rX "$DIR"
