# shellcheck shell=bash
# A testbed's directory in the machine's cgroup trees (v2, v1 or both). The cgroups of Incus's
# containers are below it, and it is removed with the testbed.

# scripts/fresh gives its machines such directories too.
CGROUP_PREFIX=${CGROUP_PREFIX:-anklume-testbed}

_cgroup_directories() {
  local name=$1 dir type
  while read -r _ dir type _; do
    [[ $type == cgroup || $type == cgroup2 ]] || continue
    printf '%s\n' "$dir/$CGROUP_PREFIX-$name"
  done </proc/mounts
}

# has_cgroup2: true if a v2 tree is mounted, beside v1 or alone
has_cgroup2() { grep -q '^[^ ]* [^ ]* cgroup2 ' /proc/mounts; }

# make_cgroup DIR
make_cgroup() {
  local file
  mkdir -p -- "$1" 2>/dev/null || return 1
  # A new v1 cpuset is empty and accepts no process until it is filled from its parent.
  for file in cpuset.cpus cpuset.mems; do
    if [[ -e $1/$file && -e ${1%/*}/cgroup.clone_children ]]; then
      cat -- "${1%/*}/$file" >"$1/$file"
    fi
  done
}

# enter_cgroups NAME: moves the calling shell (and its children) there, into a leaf. The leaf is
# called init.scope because LXC ignores that name when it looks for its own place.
enter_cgroups() {
  local dir
  while IFS= read -r dir; do
    if ! make_cgroup "$dir" || ! make_cgroup "$dir/init.scope"; then continue; fi
    printf '%s\n' "$BASHPID" >"$dir/init.scope/cgroup.procs" || true
  done < <(_cgroup_directories "$1")
}

# join_cgroups NAME: moves it to the directory itself, which becomes the root of a cgroup namespace.
join_cgroups() {
  local dir
  while IFS= read -r dir; do
    make_cgroup "$dir" || continue
    printf '%s\n' "$BASHPID" >"$dir/cgroup.procs"
  done < <(_cgroup_directories "$1")
}

# mount_cgroups NAME ROOT: in a cgroup namespace that started there, makes the cgroup trees below
# ROOT/sys show only that place. The calling process moves into a leaf.
mount_cgroups() {
  local dir type tree=$2/sys/fs/cgroup
  umount -l -- "$tree"
  while read -r _ dir type _; do
    [[ $type == cgroup || $type == cgroup2 ]] || continue
    [[ $dir == /sys/fs/cgroup* ]] || continue
    if [[ $dir != /sys/fs/cgroup ]]; then
      mountpoint -q -- "$tree" || mount -t tmpfs -o mode=755 tmpfs "$tree"
      mkdir -p -- "$2$dir"
    fi
    mount --bind -- "$dir/$CGROUP_PREFIX-$1" "$2$dir"
    make_cgroup "$2$dir/init.scope"
    printf '%s\n' "$BASHPID" >"$2$dir/init.scope/cgroup.procs"
  done < <(cat /proc/mounts)
}

# cgroup_members NAME: prints the processes in there and below, one per line.
cgroup_members() {
  local dir
  while IFS= read -r dir; do
    [[ -d $dir ]] || continue
    find "$dir" -name cgroup.procs -exec cat -- {} + 2>/dev/null || true
  done < <(_cgroup_directories "$1") | sort -un | grep -vx 0
}

# remove_cgroups NAME: removes the directories, once nothing runs in them.
remove_cgroups() {
  local dir
  while IFS= read -r dir; do
    [[ -d $dir ]] || continue
    find "$dir" -depth -type d -exec rmdir -- {} + 2>/dev/null || true
  done < <(_cgroup_directories "$1")
}

# cgroup_names: prints the testbeds that have a place in some tree, one per line.
cgroup_names() {
  _cgroup_directories '*' | while IFS= read -r pattern; do
    # The star in the name has to expand.
    # shellcheck disable=SC2086
    printf '%s\n' $pattern
  done | sed -n "s/.*$CGROUP_PREFIX-\\([a-z0-9-]*\\)\$/\\1/p" | sort -u
}
