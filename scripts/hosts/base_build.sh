#!/usr/bin/env bash
# base_build.sh DIR RELEASE MIRROR: the smallest system of a Debian release, in DIR. Run by made_root
# (debian_root.sh), in mount and pid namespaces of its own.
set -euo pipefail

DIR=$1 RELEASE=$2 MIRROR=$3

debootstrap --variant=minbase "$RELEASE" "$DIR" "$MIRROR"
rm -rf -- "$DIR"/var/cache/apt/archives/*.deb "$DIR"/var/lib/apt/lists/* "$DIR"/var/log/*.log
: >"$DIR/etc/machine-id"
