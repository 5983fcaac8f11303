# shellcheck shell=bash
# What every script of this directory shares: paths, words for a person, time-keeping.
# Sourced, never run. The sourcing script has set `set -euo pipefail`.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPTS=$ROOT/scripts
VENV=$ROOT/.venv
# Images, package repositories and seeds: expensive to make, harmless to lose, shared by all checkouts.
CACHE=${ANKLUME_CACHE_DIR:-/var/cache/anklume}
# One directory per testbed: see scripts/testbed.
TESTBEDS=${ANKLUME_TESTBED_DIR:-/var/tmp/anklume-testbed}
# One directory per emulated machine: see scripts/machine.
MACHINES=${ANKLUME_MACHINE_DIR:-/var/tmp/anklume-machine}
export ROOT SCRIPTS VENV CACHE TESTBEDS MACHINES

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi
export BOLD DIM RED GREEN PLAIN

# The programs of the checkout's own environment come first; sbin is where nft and incusd's helpers live.
export PATH="$VENV/bin:$PATH:/usr/sbin:/sbin"
# A proxy with a certificate of its own may stand between this machine and the registries.
export DENO_TLS_CA_STORE=${DENO_TLS_CA_STORE:-system,mozilla}
export DENO_NO_UPDATE_CHECK=1

# say WORDS...: what the script is doing, for a person.
say() { printf '%s\n' "$*"; }

# warn WORDS...: the same, on standard error.
warn() { printf '%s\n' "$*" >&2; }

# die WORDS...: one sentence, exit 1.
die() {
  warn "${0##*/}: $*"
  exit 1
}

# usage_error WORDS...: one sentence, exit 2.
usage_error() {
  warn "${0##*/}: $*"
  exit 2
}

need_root() {
  ((EUID == 0)) || die "needs root (it $1): run it with sudo"
}

# print_header FILE: the comment block on top of a script is its help.
print_header() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"
}

# now_ms: milliseconds, for differences only.
now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  printf '%s' "$((t / 1000))"
}

# seconds_since MS: "1.3 s".
seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# process_start PID: the kernel's start time of a process, which tells it from a later one of the
# same number; empty when there is none.
process_start() {
  local stat
  # The name in parentheses may contain anything, so count fields behind the last ')'.
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  [[ $1 != Z && $1 != X ]] || return 1
  printf '%s' "${20}"
}

# process_is PID START: is that very process alive?
process_is() {
  [[ -n ${1:-} && -n ${2:-} && $(process_start "$1") == "$2" ]]
}

# alive FD: is the process behind this /proc/PID directory, held open, still there (and no zombie)?
alive() {
  local stat
  # Not $(<file): bash ends when such a read fails.
  { read -r stat <"/proc/self/fd/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  [[ $stat != Z* && $stat != X* ]]
}

# private_directory DIR: makes a directory that only root can enter, or refuses one that somebody
# else put there first (the parents are world-writable).
private_directory() {
  mkdir -p -- "${1%/*}"
  [[ -d $1 ]] || mkdir -m 700 -- "$1" 2>/dev/null || true
  [[ ! -L $1 && $(stat -c %u -- "$1") == "$EUID" ]] || die "$1 belongs to somebody else: remove it"
}
