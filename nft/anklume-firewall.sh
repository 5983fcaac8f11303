#!/bin/sh
# Made by anklume: loads the rules of each infra on this host, one file each in /etc/anklume, and
# sets the bridges that they name.
#
#   load    loads all of them; exit 1 if one could not be loaded
#   watch   loads rules again as soon as they are removed (`nft flush ruleset`), and sets a bridge
#           that is made anew
DIRECTORY=/etc/anklume

# A broken file must not keep the others from being loaded, but must keep Incus from starting.
load() {
  status=0
  for file in "$DIRECTORY"/*.nft; do
    [ ! -e "$file" ] || nft -f "$file" || status=1
  done
  set_bridges
  return "$status"
}

load_missing() {
  tables=$(nft list tables) || return
  for file in "$DIRECTORY"/*.nft; do
    [ -e "$file" ] || continue
    name=${file##*/}
    name=anklume_${name%.nft}
    for family in $(sed -n "s/^table \\([a-z]*\\) $name {$/\\1/p" "$file" | sort -u); do
      case "
$tables
" in
        *"
table $family $name
"*) ;;
        *)
          echo "table $family $name is gone: loading $file again"
          nft -f "$file"
          break
          ;;
      esac
    done
  done
}

# Without this setting a machine could take its neighbour's traffic with a frame to a reserved
# address: few rules see those. The kernel reports no event for this setting, so setting it triggers
# no monitor.
learns() {
  { read -r learns_not <"/sys/class/net/$1/bridge/no_linklocal_learn"; } 2>/dev/null &&
    [ "$learns_not" = 0 ]
}

set_bridge() {
  echo "bridge $1 is set to learn nothing from frames to reserved addresses"
  echo 1 >"/sys/class/net/$1/bridge/no_linklocal_learn"
  # The bridge forgets the addresses that it has learnt so far.
  echo 1 >"/sys/class/net/$1/bridge/flush"
}

# Prints the names of the bridges in the rulesets.
bridges() {
  cat "$DIRECTORY"/*.nft 2>/dev/null |
    sed -n '/^\tset bridges {$/,/^\t}$/s/^\t\t\t"\([^"]*\)".*/\1/p'
}

set_bridges() {
  for bridge in $(bridges | sort -u); do
    if learns "$bridge"; then set_bridge "$bridge"; fi
  done
}

# Prints the events of a monitor, and restarts it when it ends. Events before it listens are lost:
# `look` stands for them.
follow() {
  while :; do
    "$@" &
    sleep 0.5
    echo look
    wait
    sleep 2
  done
}

# Not `monitor destroy tables`: newer versions of nft parse that differently.
watch() {
  follow nft monitor tables | while read -r _; do load_missing; done &
  # Events look like `7: net-pro: <BROADCAST,UP> …`; any other line (a buffer that was too small)
  # means that events may have been missed.
  follow ip -o monitor link 2>&1 | while read -r number name _; do
    case $number in
      Deleted) ;;
      [0-9]*:)
        name=${name%:}
        if learns "$name" && bridges | grep -qxF -e "$name"; then set_bridge "$name"; fi
        ;;
      *) set_bridges ;;
    esac
  done
}

case ${1:-} in
  load | watch) "$1" ;;
  *)
    echo "usage: $0 load|watch" >&2
    exit 2
    ;;
esac
