#!/usr/bin/env bash
# deb_build.sh TREE DIST VERSION: builds DIST/anklume_VERSION_ARCH.deb from the files that
# scripts/release put into DIST. Owners, order and times in it depend only on $SOURCE_DATE_EPOCH.
set -euo pipefail

TREE=$1 DIST=$2 VERSION=$3
ARCH=$(dpkg --print-architecture)
# The binary's programs are in scripts/lib/permissions.txt; those not listed here are essential in
# Debian. incus-base: for a host with containers only; without dnsmasq-base Incus makes no bridge
# with addresses.
DEPENDS=(
  "libc6 (>= $(readelf -V -- "$DIST/anklume" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1 | cut -d_ -f2))" libgcc-s1
  'incus (>= 6.0) | incus-base (>= 6.0)' nftables netbase dnsmasq-base iproute2 procps
)
# Before version 9 it contains an ansible-core older than anklume needs (2.16).
RECOMMENDS=('ansible (>= 9)' systemd)

ROOT=$(mktemp -d -- "${TMPDIR:-/var/tmp}/anklume-deb.XXXXXX")
trap 'rm -rf --one-file-system -- "$ROOT"' EXIT
umask 022
chmod 755 -- "$ROOT"

joined() { printf '%s, ' "$@" | sed 's/, $//'; }

lay_files() {
  local doc=$ROOT/usr/share/doc/anklume man=$ROOT/usr/share/man/man1
  install -D -m 755 -- "$DIST/anklume" "$ROOT/usr/bin/anklume"
  install -D -m 644 -- "$DIST/completions/anklume.bash" "$ROOT/usr/share/bash-completion/completions/anklume"
  install -D -m 644 -- "$DIST/completions/_anklume" "$ROOT/usr/share/zsh/vendor-completions/_anklume"
  install -D -m 644 -- "$DIST/completions/anklume.fish" "$ROOT/usr/share/fish/vendor_completions.d/anklume.fish"
  install -d -m 755 -- "$man" "$doc"
  install -m 644 -- "$DIST"/man1/*.1 "$man/"
  install -m 644 -- "$DIST/NOTICES" "$doc/copyright"
  install -m 644 -- "$TREE"/README.md "$TREE"/README.fr.md "$DIST/anklume-$VERSION.cdx.json" "$doc/"
  install -m 644 -- "$TREE/CHANGELOG.md" "$doc/changelog"
  install -d -m 755 -- "$doc/docs"
  install -m 644 -- "$TREE"/docs/*.md "$doc/docs/"
  gzip -9n -- "$man"/*.1 "$doc/changelog"
}

control() {
  local megabytes
  megabytes=$(find "$ROOT" -type f -printf '%s\n' | awk '{ all += int(($1 + 1023) / 1024) } END { print all }')
  cat <<END
Package: anklume
Version: $VERSION
Architecture: $ARCH
Maintainer: anklume maintainers <maintainers@anklume.invalid>
Installed-Size: $megabytes
Depends: $(joined "${DEPENDS[@]}")
Recommends: $(joined "${RECOMMENDS[@]}")
Section: admin
Priority: optional
Description: isolated domains on this host, from one file
 anklume turns one file, infra.yml, into isolated domains: each is a subnet,
 an Incus project and a set of containers or virtual machines. They reach each
 other and nothing else, unless a policy allows it. anklume uses Incus, nftables
 and Ansible, and you can inspect everything it made with these programs.
 .
 What an infra made on this host (machines, networks, the firewall and the
 unit that loads it at boot) is not part of the package. It stays when you
 remove the package.
END
}

postinst() {
  cat <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -e /usr/local/bin/anklume ]; then
  echo "anklume: /usr/local/bin/anklume comes before /usr/bin/anklume on the PATH: remove it to use this one." >&2
fi
END
}

# Removing or purging the package keeps the firewall of running machines.
postrm() {
  cat <<'END'
#!/bin/sh
set -e
case $1 in
  remove | purge)
    if [ -n "$(ls -A /etc/anklume 2>/dev/null)" ]; then
      echo "anklume: the machines continue, and their firewall stays, also after a reboot (/etc/anklume, anklume-firewall.service)." >&2
      echo "To remove an infra, install anklume again and run \`anklume destroy\` in its workspace." >&2
    fi
    ;;
esac
END
}

lay_control() {
  mkdir -- "$ROOT/DEBIAN"
  (cd -- "$ROOT" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$ROOT/DEBIAN/md5sums"
  control >"$ROOT/DEBIAN/control"
  postinst >"$ROOT/DEBIAN/postinst"
  postrm >"$ROOT/DEBIAN/postrm"
  chmod 755 -- "$ROOT"/DEBIAN/post*
}

lay_files
lay_control
find "$ROOT" -exec touch -h -d "@$SOURCE_DATE_EPOCH" -- {} +
# Higher levels take minutes to save a tenth.
dpkg-deb --root-owner-group --uniform-compression -Zxz -z1 --threads-max=1 --build -- "$ROOT" "$DIST/anklume_${VERSION}_$ARCH.deb" >/dev/null
