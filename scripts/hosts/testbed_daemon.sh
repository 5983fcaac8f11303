#!/usr/bin/env bash
# The Incus daemon of a testbed, in place of systemd: start, stop (its containers go on, as when the
# service is stopped on a real host), restart. Runs inside the testbed:
# `scripts/testbed daemon WORD`.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/common.sh"

PIDFILE=/run/testbed/incusd.pid
SOCKET=/var/lib/incus/unix.socket

answers() {
  curl -s -f -o /dev/null -m 2 --unix-socket "$SOCKET" http://incus/1.0
}

running() {
  [[ -e $PIDFILE ]] && kill -0 "$(<"$PIDFILE")" 2>/dev/null
}

start() {
  local incusd=/usr/libexec/incus/incusd attempt tries status
  running && answers && return 0
  [[ -x $incusd ]] || incusd=$(command -v incusd) || die "incusd is not installed: scripts/lib/install incus"
  # As in its unit: Restart=on-failure.
  for ((attempt = 0; attempt < 3; attempt++)); do
    # AppArmor profiles would stay in the machine's kernel after the testbed ends.
    INCUS_SECURITY_APPARMOR=false setsid "$incusd" --group incus-admin --logfile /var/log/incus/incusd.log \
      </dev/null >>/var/log/incus/stderr.log 2>&1 &
    printf '%s\n' "$!" >"$PIDFILE"
    for ((tries = 0; tries < 600; tries++)); do
      answers && return 0
      running || break
      sleep 0.05
    done
    running && break
    status=0
    wait "$!" || status=$?
    warn "incusd ended with status $status"
  done
  tail -n 20 /var/log/incus/incusd.log /var/log/incus/stderr.log >&2 || true
  die "incusd does not answer on $SOCKET"
}

stop() {
  local pid tries
  running || return 0
  pid=$(<"$PIDFILE")
  # SIGTERM ends only the daemon; its containers go on, as with `systemctl stop incus`.
  kill -TERM "$pid"
  for ((tries = 0; tries < 400; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  if kill -0 "$pid" 2>/dev/null; then kill -KILL "$pid"; fi
  rm -f -- "$PIDFILE" "$SOCKET"
}

# shutdown: the orderly shutdown of a host: containers are stopped first and recorded as running.
shutdown() {
  running || return 0
  timeout 60 incus admin shutdown --timeout 50 || warn "some containers did not stop in time"
  stop
}

case ${1:-} in
  start | stop | shutdown) "$1" ;;
  restart)
    stop
    start
    ;;
  *) usage_error "start, stop, restart or shutdown" ;;
esac
