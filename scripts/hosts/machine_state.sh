# shellcheck shell=bash
# What testbeds and fresh machines change of this machine itself, and what the last of them puts back. Sourced after
# common.sh and bundle.sh.

# One limit for all: the containers of several testbeds have the same root user outside.
INOTIFY=/proc/sys/fs/inotify/max_user_instances
INOTIFY_WANTED=8192
# One directory per fresh machine, locked by its script: see scripts/fresh.
FRESH=${ANKLUME_FRESH_DIR:-/var/tmp/anklume-fresh}

any_running() {
  local name
  while IFS= read -r name; do
    if first_pid "$name" >/dev/null; then return 0; fi
  done < <(names)
  for name in "$FRESH"/*/; do
    if [[ -d $name ]] && ! flock -n "$name" true; then return 0; fi
  done
  return 1
}

raise_limits() {
  local now
  now=$(<"$INOTIFY")
  ((now < INOTIFY_WANTED)) || return 0
  private_directory "$TESTBEDS"
  [[ -e $TESTBEDS/.inotify ]] || printf '%s\n' "$now" >"$TESTBEDS/.inotify"
  printf '%s\n' "$INOTIFY_WANTED" >"$INOTIFY"
  say "raised fs.inotify.max_user_instances of this machine from $now to $INOTIFY_WANTED until the last testbed stops"
}

# lock_machine: held while a testbed is made and while the last one's traces are removed;
# `exec {MACHINE_LOCK}<&-` releases it.
lock_machine() {
  private_directory "$TESTBEDS"
  exec {MACHINE_LOCK}<"$TESTBEDS"
  flock "$MACHINE_LOCK"
}

# restore_machine: undoes these changes once no testbed needs them.
restore_machine() {
  local dir
  lock_machine
  if ! any_running; then
    if [[ -e $TESTBEDS/.inotify ]]; then cat -- "$TESTBEDS/.inotify" >"$INOTIFY"; fi
    # Made as mount points for a testbed's own directories: see testbed_init.sh.
    if [[ -e $TESTBEDS/.directories ]]; then
      while IFS= read -r dir; do rmdir -- "$dir" 2>/dev/null || true; done <"$TESTBEDS/.directories"
    fi
    rm -f -- "$TESTBEDS/.inotify" "$TESTBEDS/.directories"
  fi
  rmdir -- "$TESTBEDS" 2>/dev/null || true
  exec {MACHINE_LOCK}<&-
}
