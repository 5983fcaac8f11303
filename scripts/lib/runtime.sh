# shellcheck shell=bash
# The runtime that `deno compile` puts into a binary, where it need not be downloaded.

# find_runtime: exports DENORT_BIN, or unsets it where Deno has to download one.
find_runtime() {
  local get=$ROOT/../shared/denort/get
  if [[ -n ${DENORT_BIN:-} ]]; then
    [[ -r $DENORT_BIN ]] || die "DENORT_BIN names $DENORT_BIN, which cannot be read"
  elif [[ -x $get ]]; then
    # It has none for this kind of machine: then Deno's download is tried.
    DENORT_BIN=$("$get") || DENORT_BIN=''
  fi
  if [[ -n ${DENORT_BIN:-} ]]; then export DENORT_BIN; else unset DENORT_BIN; fi
}
