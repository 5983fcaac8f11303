/**
 * The executable alone, in the base systems of Debian's releases: no package beside it, no
 * environment.
 */
import assert from "node:assert/strict";
import { onFreshMachine, REPOSITORY } from "./_fresh.ts";

const BINARY = Deno.env.get("ANKLUME_BIN") ?? `${REPOSITORY}/anklume`;

const USE = String.raw`
set -euo pipefail
use() {
  local directory=/srv/$1
  shift
  mkdir "$directory"
  chown "$1" "$directory"
  shift
  cd "$directory"
  "$@" env -i /usr/local/bin/anklume --version
  "$@" env -i /usr/local/bin/anklume init --template workstation --image local:any
  "$@" env -i /usr/local/bin/anklume validate
  "$@" env -i /usr/local/bin/anklume sync
  [[ -s site.yml && -s infra.lock.yml ]]
}
use as-root root
use as-nobody nobody setpriv --reuid=65534 --regid=65534 --clear-groups
echo "used as both"
`;

for (const release of ["bullseye", "bookworm", "trixie", "sid"]) {
  Deno.test(`the binary starts, validates and syncs in the base system of ${release}`, async () => {
    const { code, text } = await onFreshMachine(release, "--put", BINARY, "--", "bash", "-c", USE);
    assert.equal(code, 0, text);
    assert.match(text, /^used as both$/m, text);
  });
}
