# shellcheck shell=bash
# Debian packages, without surprises: apt is not run if all packages are there, no daemon is started
# unasked, and the only source that is ever added is announced.

POLICY=/usr/sbin/policy-rc.d

# missing_packages NAME...: prints those not installed, one per line.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' -- "$@" 2>/dev/null |
    awk '$2 == "installed" { print $1 }') || true
  printf '%s\n' "$@" | grep -vxF -e "${installed:-/}" || true
}

# A package's maintainer scripts ask this file whether they may start a service. A killed earlier
# run may have left its own file: its first lines identify it.
hold_services() {
  release_services
  if [[ -e $POLICY ]]; then mv -- "$POLICY" "$POLICY.before-anklume"; fi
  printf '#!/bin/sh\n# anklume: no service starts while packages are installed\nexit 101\n' \
    >"$POLICY"
  chmod 755 "$POLICY"
  trap release_services EXIT
}

release_services() {
  if [[ -f $POLICY ]] && grep -q '^# anklume' "$POLICY"; then rm -- "$POLICY"; fi
  if [[ -e $POLICY.before-anklume ]]; then mv -- "$POLICY.before-anklume" "$POLICY"; fi
}

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# apt_base_uri SUITE: prints the URI from which this machine gets the suite's `main`.
apt_base_uri() {
  # shellcheck disable=SC2016  # $(…) is apt's own format language
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$1" '$1 == suite && $2 == "main" { print $3; exit }'
}

# ensure_backports SUITE: adds SUITE from the mirror that serves the release itself.
ensure_backports() {
  local release=${1%-backports} uri file=/etc/apt/sources.list.d/anklume-backports.sources
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  # If apt has never read its sources, it does not know their suites.
  apt_update
  [[ -z $(apt_base_uri "$1") ]] || return 0
  uri=$(apt_base_uri "$release")
  [[ -n $uri ]] || die "no apt source for Debian $release found: Incus comes from $1, add that suite and run again"
  say "adding the apt source $file ($1, from this machine's own mirror; only the requested packages come from it)"
  {
    printf '# Written by anklume: this Incus is not in Debian %s itself.\n' "$release"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$1"
    if [[ -e $keyring ]]; then printf 'Signed-By: %s\n' "$keyring"; fi
  } >"$file"
  # An earlier update in this run did not read the new source.
  APT_UPDATED=''
  # An unreadable source would break each later apt command on this machine.
  if ! apt_update; then
    rm -- "$file"
    die "the mirror of this machine has no $1: the source was removed again"
  fi
}

APT_UPDATED=''
apt_update() {
  [[ -z $APT_UPDATED ]] || return 0
  quietly apt-get -q update
  APT_UPDATED=1
}

# apt_install [-t SUITE] NAME...
apt_install() {
  quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 install "$@"
}

# quietly CMD...: shows its output only if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status)); then
    cat -- "$log" >&2
    warn "failed: $*"
  fi
  rm -f -- "$log"
  return "$status"
}
