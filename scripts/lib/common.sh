# shellcheck shell=bash
# Shared by all scripts of this directory: paths, messages, time. Sourced, never run. The sourcing
# script has set `set -euo pipefail`.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPTS=$ROOT/scripts
VENV=$ROOT/.venv
# Images, package repositories and seeds: slow to make, safe to lose, shared by all checkouts.
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

# The checkout's own programs come first; nft and incusd's helpers are in sbin.
export PATH="$VENV/bin:$PATH:/usr/sbin:/sbin"
# A proxy with its own certificate may stand between this machine and the registries.
export DENO_TLS_CA_STORE=${DENO_TLS_CA_STORE:-system,mozilla}
export DENO_NO_UPDATE_CHECK=1

# say WORDS...: prints what the script does.
say() { printf '%s\n' "$*"; }

# warn WORDS...: the same, on standard error.
warn() { printf '%s\n' "$*" >&2; }

# die WORDS...: prints one sentence, exit 1.
die() {
  warn "${0##*/}: $*"
  exit 1
}

# usage_error WORDS...: prints one sentence, exit 2.
usage_error() {
  warn "${0##*/}: $*"
  exit 2
}

need_root() {
  ((EUID == 0)) || die "needs root (it $1): run it with sudo"
}

# print_header FILE: prints the comment block at the top of a script, which is its help.
print_header() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"
}

# now_ms: prints milliseconds, for differences only.
now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  printf '%s' "$((t / 1000))"
}

# seconds_since MS: prints "1.3 s".
seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# process_start PID: prints the kernel's start time of a process, which tells it from a later
# process with the same number; empty if there is none.
process_start() {
  local stat
  # The name in parentheses may contain anything, so count fields after the last ')'.
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  [[ $1 != Z && $1 != X ]] || return 1
  printf '%s' "${20}"
}

# process_is PID START: true if that same process is alive
process_is() {
  [[ -n ${1:-} && -n ${2:-} && $(process_start "$1") == "$2" ]]
}

# alive FD: true if the process behind this open /proc/PID directory still runs (and is no zombie)
alive() {
  local stat
  # Not $(<file): bash exits if such a read fails.
  { read -r stat <"/proc/self/fd/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  [[ $stat != Z* && $stat != X* ]]
}

# private_directory DIR: makes a directory that only root can enter, or refuses one of another user
# (the parents are world-writable).
private_directory() {
  mkdir -p -- "${1%/*}"
  [[ -d $1 ]] || mkdir -m 700 -- "$1" 2>/dev/null || true
  [[ ! -L $1 && $(stat -c %u -- "$1") == "$EUID" ]] || die "$1 belongs to somebody else: remove it"
}
