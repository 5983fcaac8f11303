#!/usr/bin/env bash
# image_build.sh DIR SUITE MIRROR: fills DIR with the test images and their package repository. Run by
# scripts/hosts/image in mount and pid namespaces of its own. Its content is the key of the cache.
set -euo pipefail

DIR=$1 SUITE=$2 MIRROR=$3
ROOTFS=$DIR/rootfs

# Without udev networkd waits for eth0 for ever. python3-apt: Ansible's apt module cannot do without.
BASE=(
  systemd-sysv systemd-resolved udev dbus iproute2 iputils-ping procps netcat-openbsd python3-apt
)
PYTHON=(python3-minimal python3 python3-apt)
# What roles may ask for; with everything it needs beyond the image.
REPOSITORY=(
  "${PYTHON[@]}" locales tzdata curl vim-tiny less sudo htop rsync bash-completion ca-certificates
  nginx-light console-setup keyboard-configuration unattended-upgrades tcpdump traceroute unzip jq git
  tmux
)

make_rootfs() {
  local include
  include=$(IFS=,; printf '%s' "${BASE[*]}")
  debootstrap --variant=minbase "--include=$include" "$SUITE" "$ROOTFS" "$MIRROR"

  # Names come from DHCP: debootstrap copied the build machine's resolver.
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$ROOTFS/etc/resolv.conf"
  printf '[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n' \
    >"$ROOTFS/etc/systemd/network/eth0.network"
  chroot "$ROOTFS" systemctl enable systemd-networkd systemd-resolved
  chroot "$ROOTFS" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    systemd-networkd-wait-online.service
  : >"$ROOTFS/etc/machine-id"
  rm -f "$ROOTFS/etc/hostname" "$ROOTFS/var/lib/dbus/machine-id"

  # The only source: the outside of a testbed.
  : >"$ROOTFS/etc/apt/sources.list"
  printf 'deb [trusted=yes] http://203.0.113.10/debian ./\n' \
    >"$ROOTFS/etc/apt/sources.list.d/testbed.list"
  # Documentation is of no use here and half of the files.
  printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\n' \
    >"$ROOTFS/etc/dpkg/dpkg.cfg.d/testbed"
  rm -rf "$ROOTFS"/usr/share/{doc,man,info}/* "$ROOTFS"/var/lib/apt/lists/* \
    "$ROOTFS"/var/cache/apt/*.bin "$ROOTFS"/var/cache/apt/archives/*.deb "$ROOTFS"/var/log/*.log
}

make_metadata() {
  mkdir -p "$DIR/meta/templates"
  printf '{{ instance.name }}\n' >"$DIR/meta/templates/hostname.tpl"
  printf '127.0.0.1 localhost\n127.0.1.1 {{ instance.name }}\n::1 localhost ip6-localhost ip6-loopback\n' \
    >"$DIR/meta/templates/hosts.tpl"
  cat >"$DIR/meta/metadata.yaml" <<YAML
architecture: $(uname -m)
creation_date: $(date +%s)
properties:
  description: anklume test image, Debian $SUITE
  os: Debian
  release: $SUITE
templates:
  /etc/hostname: { when: [create, copy], template: hostname.tpl }
  /etc/hosts: { when: [create, copy], template: hosts.tpl }
YAML
  tar -C "$DIR/meta" -czf "$DIR/meta.tar.gz" metadata.yaml templates
  rm -rf "$DIR/meta"
}

squash() {
  mksquashfs "$ROOTFS" "$1" -comp zstd -Xcompression-level 6 -noappend -quiet -no-progress
}

remove_python() {
  local packages
  # shellcheck disable=SC2016  # dpkg-query's own format
  mapfile -t packages < <(chroot "$ROOTFS" dpkg-query -W -f '${Package}\n' '*python3*' | sort -u)
  chroot "$ROOTFS" env DEBIAN_FRONTEND=noninteractive \
    dpkg --purge --force-depends "${packages[@]}"
  rm -rf "$ROOTFS"/usr/lib/python3*
}

# A flat repository, resolved by this machine's apt against the poorer of the two images, from the image's own release.
make_repository() {
  local repository=$DIR/debian options keyring=$ROOTFS/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$repository/partial" "$DIR"/apt/{lists,cache}/partial
  : >"$DIR/apt/extended_states"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$MIRROR" "$SUITE" >"$DIR/apt/sources.list"
  options=(
    -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o "Dir::State::status=$ROOTFS/var/lib/dpkg/status"
    -o "Dir::State::extended_states=$DIR/apt/extended_states" -o "Dir::State::lists=$DIR/apt/lists"
    -o "Dir::Etc::sourcelist=$DIR/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::Cache=$DIR/apt/cache" -o "Dir::Cache::archives=$repository"
  )
  apt-get -q "${options[@]}" update
  apt-get -q -y --no-install-recommends --download-only "${options[@]}" install "${REPOSITORY[@]}"
  rm -rf "$repository/partial" "$repository/lock" "$DIR/apt"
  (
    cd "$repository"
    dpkg-scanpackages --multiversion . >Packages
    gzip -k -9 Packages
    printf 'Origin: anklume testbed\nSuite: testbed\nDate: %s\nSHA256:\n' "$(date -Ru)" >Release.new
    for file in Packages Packages.gz; do
      printf ' %s %s %s\n' "$(sha256sum "$file" | cut -d' ' -f1)" "$(stat -c %s "$file")" "$file"
    done >>Release.new
    mv Release.new Release
  )
}

make_rootfs
make_metadata
squash "$DIR/rootfs.squashfs"
remove_python
squash "$DIR/nopython.squashfs"
make_repository
rm -rf --one-file-system "$ROOTFS"
chmod -R a+rX "$DIR"
