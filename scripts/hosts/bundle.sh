# shellcheck shell=bash
# Bundles of namespaces that outlive the script which started them: testbeds, emulated machines. Each has a directory
# below $BUNDLES, with the number and the start time of its first process in `pid`, those of its owner in `owner`.
# Sourced after common.sh; the script sets BUNDLES, BUNDLE_MADE (a file that shows that the first start came to its end)
# and defines release_bundle NAME, which ends what the kernel does not end with the first process.

# first_pid NAME: the living first process of a bundle, as this machine sees it.
first_pid() {
  local pid start
  { read -r pid start <"$BUNDLES/$1/pid"; } 2>/dev/null || return 1
  process_is "$pid" "$start" || return 1
  printf '%s' "$pid"
}

# names: of the bundles, one a line.
names() {
  local dir
  for dir in "$BUNDLES"/*/; do
    [[ -d $dir ]] || continue
    dir=${dir%/}
    printf '%s\n' "${dir##*/}"
  done
}

# halt NAME: ends the bundle and waits until nothing of it is left.
halt() {
  local pid tries
  if pid=$(first_pid "$1"); then
    kill -KILL "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 400; tries++)); do
      first_pid "$1" >/dev/null || break
      sleep 0.05
    done
  fi
  release_bundle "$1"
  rm -f -- "$BUNDLES/$1"/{pid,committed}
}

# forget NAME: removes its directory.
forget() {
  halt "$1"
  rm -rf --one-file-system -- "${BUNDLES:?}/$1"
}

# is_orphan NAME: true if it belonged to a process that is gone. One that was stopped only for a while
# (a power cut) still belongs to its process.
is_orphan() {
  local pid='' start=''
  [[ -e $BUNDLES/$1/owner ]] || return 1
  read -r pid start <"$BUNDLES/$1/owner" || true
  ! process_is "$pid" "$start"
}

# sweep: what died by itself since the last look. An owned bundle that is dead is forgotten, and so is
# one whose start never came to its end. The lock tells that nobody is at work on it.
sweep() {
  local name lock
  while IFS= read -r name; do
    if first_pid "$name" >/dev/null; then continue; fi
    if [[ -e $BUNDLES/$name/$BUNDLE_MADE ]] && ! is_orphan "$name"; then continue; fi
    exec {lock}>"$BUNDLES/.$name.lock"
    if flock -n "$lock"; then
      if ! first_pid "$name" >/dev/null; then forget "$name"; fi
      rm -f -- "$BUNDLES/.$name.lock"
    fi
    exec {lock}>&-
  done < <(names)
}

# lock_bundle NAME: sets LOCK; one start, stop or restart of a bundle at a time.
lock_bundle() {
  local file=$BUNDLES/.$1.lock
  while :; do
    private_directory "$BUNDLES"
    exec {LOCK}>"$file"
    flock "$LOCK"
    # A stop removes the file: who waited for the removed one begins again.
    [[ ! "$file" -ef "/proc/self/fd/$LOCK" ]] || break
    exec {LOCK}>&-
  done
}

list() {
  local name pid
  while IFS= read -r name; do
    if pid=$(first_pid "$name"); then say "$name  is running ($pid)"; else say "$name  is not running"; fi
  done < <(names)
}
