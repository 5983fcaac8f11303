#!/usr/bin/env bash
# package_life.sh PACKAGE RELEASE: run by scripts/check/package as root of a bare Debian.
set -euo pipefail

PACKAGE=$1 RELEASE=$2
SUITE=()
WORDS=$(mktemp)

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# quiet CMD…: keeps its output in $WORDS, and shows it if it fails.
quiet() { "$@" >"$WORDS" 2>&1 </dev/null || { cat -- "$WORDS" >&2; fail "$*"; }; }

install_package() { quiet apt-get -q -y --no-install-recommends "${SUITE[@]}" install "$@"; }

# Prints all files that a package may have changed, with their size and mode; not the records of
# apt, dpkg and man-db.
list_files() {
  find /etc /usr /opt /var -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune \
    -o -type f -printf '%p %m %U %s\n' | LC_ALL=C sort
}

stays_as_it_was() {
  [[ $(cat /etc/anklume/* | sha256sum) == "$MARK" && -L $LINK ]] || fail "$1 touched /etc/anklume or the unit"
}

as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups -- env -i PATH="$PATH" "$@"; }

# No daemon is started: the network is this machine's.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
if [[ $RELEASE == bookworm ]]; then
  # Without backports there is no Incus, and apt says so.
  quiet apt-get -q update
  if apt-get -q -y install "$PACKAGE" >"$WORDS" 2>&1; then fail "installed without Incus"; fi
  grep -q 'Depends: incus (>= 6.0)' "$WORDS" || { cat -- "$WORDS" >&2; fail "apt did not name what is missing"; }
  sed -i 's/^Suites: bookworm$/Suites: bookworm bookworm-backports/' /etc/apt/sources.list.d/debian.sources
  SUITE=(-t bookworm-backports)
fi
quiet apt-get -q update

# Its dependencies are not part of the comparison.
install_package incus nftables netbase dnsmasq-base iproute2 procps man-db zsh fish
BEFORE=$(list_files)

# Files of an infra, of any version.
mkdir /etc/anklume
printf 'loads the rules\n' >/etc/anklume/anklume-firewall.service
printf 'table inet anklume_lab { }\n' >/etc/anklume/lab.nft
LINK=/etc/systemd/system/anklume-firewall.service
ln -s /etc/anklume/anklume-firewall.service "$LINK"
MARK=$(cat /etc/anklume/* | sha256sum)

# An older package with the same files, to upgrade from.
dpkg-deb -R "$PACKAGE" /tmp/old
sed -i 's/^Version: .*/Version: 0.1.0/' /tmp/old/DEBIAN/control
echo 'gone in the new one' >/tmp/old/usr/share/doc/anklume/old
dpkg-deb --root-owner-group -Znone -b /tmp/old /tmp/anklume_0.1.0.deb >/dev/null
install_package /tmp/anklume_0.1.0.deb
install_package "$PACKAGE"
[[ ! -e /usr/share/doc/anklume/old ]] || fail "the upgrade left a file of the old package"
stays_as_it_was "the upgrade"
quiet dpkg --verify anklume
[[ ! -s $WORDS ]] || fail "dpkg --verify: $(cat -- "$WORDS")"
printf '%s: anklume %s\n' "$RELEASE" "$(anklume --version)"

# The next steps of a new user.
for run in env as_nobody; do
  directory=$(mktemp -d)
  if [[ $run == as_nobody ]]; then chown nobody "$directory"; fi
  cd -- "$directory"
  quiet "$run" anklume init --template workstation
  quiet "$run" anklume validate
  quiet "$run" anklume sync
done
cd /
man -w anklume anklume-apply anklume-plan anklume-network-why >"$WORDS" 2>&1 || fail "the manual: $(cat -- "$WORDS")"
for page in /usr/share/man/man1/anklume*.1.gz; do man --warnings "$page" >/dev/null; done 2>"$WORDS"
[[ ! -s $WORDS ]] || fail "the manual: $(cat -- "$WORDS")"
quiet man anklume-plan
grep -q 'anklume check' "$WORDS" || fail "man anklume-plan does not show check"
# shellcheck disable=SC2016
bash -c '. /usr/share/bash-completion/completions/anklume; COMP_LINE="anklume che" COMP_POINT=11 COMP_WORDS=(anklume che)
  COMP_CWORD=1 COMP_WORDBREAKS=" "; __anklume_complete anklume che anklume; [[ ${COMPREPLY[*]} == check ]]' 2>/dev/null ||
  fail "no completion in bash"
zsh -fc 'autoload -U compinit; compinit -u; [[ $_comps[anklume] == _anklume ]]' || fail "no completion in zsh"
[[ $(fish -c 'complete -C "anklume che"' | cut -f 1) == check ]] || fail "no completion in fish"

# The package warns of a binary from before the package.
ln -s /usr/bin/true /usr/local/bin/anklume
quiet apt-get -q -y --reinstall "${SUITE[@]}" install "$PACKAGE"
grep -q '/usr/local/bin/anklume comes before' "$WORDS" || fail "nothing was said of /usr/local/bin/anklume"
rm /usr/local/bin/anklume

quiet apt-get -q -y remove anklume
grep -q 'their firewall stays' "$WORDS" || fail "removing it says nothing of the infra that stays"
stays_as_it_was "removing it"
install_package "$PACKAGE"
quiet apt-get -q -y purge anklume
stays_as_it_was "purging it"
rm -r /etc/anklume "$LINK"
[[ -z $(dpkg-query -W -f '${db:Status-Status}' anklume 2>/dev/null) ]] || fail "dpkg still knows it"
diff <(printf '%s\n' "$BEFORE") <(list_files) || fail "something of it is left"
printf '%s: upgraded, removed, purged; nothing of it left, nothing of the infra touched\n' "$RELEASE"
apt-get -s "${SUITE[@]}" install "$PACKAGE" | grep -oE '^Inst (ansible|ansible-core) \([^ ]+' | sed "s/^Inst/$RELEASE: with recommended packages comes/; s/(//" || true
