#!/bin/sh
# Made by anklume: the rules of every infra on this host, one file each in /etc/anklume.
#
#   load    loads them all; exit 1 when one of them could not be loaded
#   watch   loads again, at once, what somebody else takes away (`nft flush ruleset`)
DIRECTORY=/etc/anklume

# One broken file must not keep the others from being loaded, and must keep Incus from starting.
load() {
  status=0
  for file in "$DIRECTORY"/*.nft; do
    [ ! -e "$file" ] || nft -f "$file" || status=1
  done
  return "$status"
}

load_missing() {
  tables=$(nft list tables) || return
  for file in "$DIRECTORY"/*.nft; do
    [ -e "$file" ] || continue
    name=${file##*/}
    name=anklume_${name%.nft}
    for family in inet bridge; do
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

# What happens before it listens nobody tells: so it looks once more when it does.
watch() {
  while :; do
    {
      nft monitor destroy tables &
      sleep 0.5
      echo
      wait
    } | while read -r _; do load_missing; done
    sleep 1
  done
}

case ${1:-} in
  load | watch) "$1" ;;
  *)
    echo "usage: $0 load|watch" >&2
    exit 2
    ;;
esac
