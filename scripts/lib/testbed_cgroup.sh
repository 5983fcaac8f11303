# shellcheck shell=bash
# A testbed's place in the machine's cgroup trees (v2, v1 or both), so that what Incus makes for its
# containers lies below one directory, which goes when the testbed goes.

# The leaf is called init.scope because LXC leaves that name out when it looks for its own place.
_cgroup_directories() {
  local name=$1 dir type
  while read -r _ dir type _; do
    [[ $type == cgroup || $type == cgroup2 ]] || continue
    printf '%s\n' "$dir/anklume-testbed-$name"
  done </proc/mounts
}

# has_cgroup2: is a v2 tree mounted, beside v1 or alone?
has_cgroup2() { grep -q '^[^ ]* [^ ]* cgroup2 ' /proc/mounts; }

# enter_cgroups NAME: moves the calling shell (and what it executes) there.
enter_cgroups() {
  local dir file
  while IFS= read -r dir; do
    for dir in "$dir" "$dir/init.scope"; do
      mkdir -p -- "$dir" 2>/dev/null || continue 2
      # A new v1 cpuset is empty and takes no process until it is filled from its parent.
      for file in cpuset.cpus cpuset.mems; do
        if [[ -e $dir/$file && -e ${dir%/*}/cgroup.clone_children ]]; then
          cat -- "${dir%/*}/$file" >"$dir/$file"
        fi
      done
    done
    printf '%s\n' "$BASHPID" >"$dir/cgroup.procs" || true
  done < <(_cgroup_directories "$1")
}

# remove_cgroups NAME: once nothing runs in them.
remove_cgroups() {
  local dir
  while IFS= read -r dir; do
    [[ -d $dir ]] || continue
    find "$dir" -depth -type d -exec rmdir -- {} + 2>/dev/null || true
  done < <(_cgroup_directories "$1")
}

# cgroup_names: testbeds that have a place in some tree, one a line.
cgroup_names() {
  _cgroup_directories '*' | while IFS= read -r pattern; do
    # The star of the name is meant to expand.
    # shellcheck disable=SC2086
    printf '%s\n' $pattern
  done | sed -n 's/.*anklume-testbed-\([a-z0-9-]*\)$/\1/p' | sort -u
}
