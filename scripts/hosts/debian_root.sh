# shellcheck shell=bash
# Base systems of Debian, made with debootstrap and kept in the cache ($ANKLUME_CACHE_DIR/roots),
# and how to enter one as a separate machine. Sourced after common.sh and apt.sh.

# debian_mirror: prints the mirror that this machine installs from, which has the other releases
# too.
debian_mirror() {
  apt_base_uri "$(codename)"
}

# made_root NAME BUILDER ARGUMENT…: sets MADE_ROOT to a directory that `BUILDER DIR ARGUMENT…`
# filled, in separate mount and pid namespaces. It is complete or missing, and is not written later.
# The key is the builder's text and its arguments.
made_root() {
  local name=$1 builder=$2 digest lock temporary began
  shift 2
  digest=$( (cat -- "$builder" && printf '%s\n' "$@") | sha256sum)
  MADE_ROOT=$CACHE/roots/$name-${digest:0:12}
  [[ ! -d $MADE_ROOT ]] || return 0
  need_root "builds a root file system"
  mkdir -p -- "$CACHE/roots"
  exec {lock}>"$CACHE/roots/.$name.lock"
  flock "$lock"
  # Another run may have made it while we waited; a killed run leaves a directory.
  if [[ ! -d $MADE_ROOT ]]; then
    temporary=$CACHE/roots/.making-$name
    rm -rf --one-file-system -- "$temporary"
    mkdir -- "$temporary"
    began=$(now_ms)
    say "making the root \"$name\" (once)"
    # The builder ends if this shell is killed. The directory for temporary files is none in the new
    # system.
    quietly env -u TMPDIR setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child --mount-proc -- "$builder" "$temporary" "$@" {lock}>&-
    mv -- "$temporary" "$MADE_ROOT"
    say "it is in $MADE_ROOT ($(seconds_since "$began"))"
  fi
  exec {lock}>&-
}

# base_root RELEASE: sets BASE_ROOT to a minimal system of a Debian release.
base_root() {
  local mirror
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || die "no apt source for Debian $(codename) found to make a base system from"
  made_root "$1" "$SCRIPTS/hosts/base_build.sh" "$1" "$mirror"
  export BASE_ROOT=$MADE_ROOT
}

# incus_root 6|7: sets MADE_ROOT to a Debian 13 with its own Incus 6.0, or with 7.0 from its
# backports.
incus_root() {
  local requirements
  base_root trixie
  requirements=$(cat -- "$SCRIPTS"/lib/requirements*.txt | sha256sum)
  made_root trixie-incus6 "$SCRIPTS/hosts/incus_root_build.sh" 6 "$BASE_ROOT" "$(debian_mirror)" "${requirements:0:12}"
  [[ $1 == 6 ]] || made_root trixie-incus7 "$SCRIPTS/hosts/incus_root_build.sh" 7 "$MADE_ROOT"
}

# give_registries ROOT RELEASE: gives a system this machine's access to Debian's packages, PyPI and
# npm: apt sources, resolver, pip's index and npm's registry if set, certificates of a proxy
# (installing ca-certificates trusts them). Nothing else of this machine is copied, and no secret.
give_registries() {
  local root=$1 release=$2 mirror
  mirror=$(debian_mirror)
  : >"$root/etc/apt/sources.list"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$mirror" "$release" /usr/share/keyrings/debian-archive-keyring.gpg \
    >"$root/etc/apt/sources.list.d/debian.sources"
  cp -L -- /etc/resolv.conf "$root/etc/resolv.conf"
  pip_index >"$root/etc/pip.conf"
  npm_registry >"$root/root/.npmrc"
  find "$root/etc/pip.conf" "$root/root/.npmrc" -empty -delete
  mkdir -p -- "$root/usr/local/share/ca-certificates"
  own_certificates "$root/usr/local/share/ca-certificates"
}

# pip_index: prints a pip.conf with the index that this machine's pip uses, if set.
pip_index() {
  local lines
  lines=$(
    cat -- /etc/pip.conf ~/.config/pip/pip.conf ~/.pip/pip.conf 2>/dev/null |
      grep -E '^ *(index-url|extra-index-url|trusted-host) *='
    if [[ -n ${PIP_INDEX_URL:-} ]]; then printf 'index-url = %s\n' "$PIP_INDEX_URL"; fi
  ) || true
  if [[ -n $lines ]]; then printf '[global]\n%s\n' "$lines"; fi
}

# npm_registry: prints an .npmrc with the registry that this machine's npm uses, if set.
npm_registry() {
  cat -- /etc/npmrc ~/.npmrc 2>/dev/null | grep -E '^ *(@[^:]*:)?registry *=' || true
  if [[ -n ${NPM_CONFIG_REGISTRY:-} ]]; then printf 'registry=%s\n' "$NPM_CONFIG_REGISTRY"; fi
}

# own_certificates DIR: writes the certificates that this machine trusts and that Debian's
# ca-certificates lacks, one per file.
own_certificates() {
  local bundle=/etc/ssl/certs/ca-certificates.crt known=/usr/share/ca-certificates
  [[ -e $bundle ]] || return 0
  find "$known" -name '*.crt' -exec cat -- {} + 2>/dev/null | awk -v "into=$1" '
    { sub(/[ \r]+$/, "") }
    /^-+BEGIN CERTIFICATE/ { body = text = ""; inside = 1 }
    inside { text = text $0 "\n"; if (!/^-/) body = body $0 }
    /^-+END CERTIFICATE/ {
      inside = 0
      if (FILENAME == "-") known[body] = 1
      else if (!(body in known)) {
        file = into "/of-this-machine-" ++count ".crt"
        printf "%s", text >file
        close(file)
      }
    }' - "$bundle"
}

# mount_view LOWER WORK: mounts a writable view of a root, with the usual mounts of a system, at
# WORK/root; writes go to WORK, which is on a disk. Call it in separate mount and pid namespaces.
# The caller then binds what it needs of this machine below WORK/root.
mount_view() {
  local root=$2/root
  mount --make-rprivate /
  mkdir -p -- "$2/upper" "$2/overlay" "$root"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/overlay" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mkdir -m 1777 -- "$root/run/lock"
}

# pivot_now WORK: makes that view `/`, for this process and its children; the old root is not
# reachable any more.
pivot_now() {
  cd -- "$1/root" || return
  mkdir -p old-root
  pivot_root . old-root
  cd / || return
  umount -l /old-root
  rmdir /old-root
}
