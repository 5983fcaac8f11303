#!/usr/bin/env bash
# Replaces systemd's path units in a testbed, which has no systemd: watches the units that
# `systemctl enable` linked into paths.target.wants. While the directory of DirectoryNotEmpty= has
# an entry, it runs the service's ExecStart, in its WorkingDirectory, with an empty environment like
# systemd's. Without the unit's hardening: scripts/test checks that with systemd-analyze.
set -uo pipefail

UNITS=/etc/systemd/system
CLEAN=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)

# value KEY FILE: sets VALUE to the first KEY=… of a unit, without a fork.
value() {
  local line
  while IFS= read -r line; do
    if [[ $line == "$1="* ]]; then
      VALUE=${line#*=}
      return 0
    fi
  done <"$2" 2>/dev/null
  VALUE=''
  return 1
}

shopt -s nullglob
mkfifo /run/testbed/never
exec {never}<>/run/testbed/never
while :; do
  for path in "$UNITS"/paths.target.wants/*.path; do
    value DirectoryNotEmpty "$path" || continue
    # Names with a leading dot do not count, as in systemd.
    waiting=("$VALUE"/*)
    ((${#waiting[@]})) || continue
    value Unit "$path" || continue
    service=$UNITS/$VALUE
    value WorkingDirectory "$service" && directory=$VALUE
    value ExecStart "$service" || continue
    (cd -- "$directory" && exec "${CLEAN[@]}" bash -c "exec $VALUE") </dev/null >>/run/testbed/path_units.log 2>&1 || true
  done
  read -r -t 0.1 -u "$never" || true
done
