/**
 * The README's lines under "Install it", on fresh machines; after a purge the package leaves
 * nothing.
 */
import assert from "node:assert/strict";
import { onFreshMachine, REPOSITORY } from "./_fresh.ts";

const BACKPORTS = "-t bookworm-backports";

/** Returns both lines, and the option that the second line's comment gives for Debian 12. */
function readmeLines(): { sums: string; install: string; packageFile: string } {
  const text = Deno.readTextFileSync(`${REPOSITORY}/README.md`);
  const block = /## Install it\n\n```sh\n(.+)\n(.+)\n```/.exec(text);
  assert.ok(block !== null, "README.md has two lines under its heading");
  const [, sums, install] = block as unknown as [string, string, string];
  assert.ok(install.includes(`on Debian 12 with ${BACKPORTS}`), install);
  const packageFile = /\.\/(anklume_\S+\.deb)/.exec(install)?.[1];
  return { sums, install, packageFile: packageFile ?? assert.fail(install) };
}

/**
 * The steps of a new user, in the directory of the download; `INSTALL` stands for the second line.
 */
const STRANGER = (sums: string, install: string) =>
  String.raw`
set -euo pipefail
named() { find / -xdev -name '*anklume*' ! -path '/var/log/*' ! -path '/root/*' ! -path '/proc/*' | LC_ALL=C sort; }
# Nobody is there to say yes, and the network that services would change is this machine's.
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
if [ "$VERSION_CODENAME" = bookworm ]; then
  sed -i 's/^Suites: bookworm$/Suites: bookworm bookworm-backports/' /etc/apt/sources.list.d/debian.sources
fi
apt-get -q update
mkdir /root/download
mv /usr/local/bin/* /root/download
named >/root/before
cd /root/download
${sums}
${install}
anklume --version
mkdir /root/lab
cd /root/lab
anklume init --template workstation
anklume validate
anklume sync
[[ -s /usr/share/man/man1/anklume.1.gz ]]
apt-get purge anklume
named | diff /root/before -
[[ $(dpkg-query -W -f '\${db:Status-Status}' anklume 2>/dev/null) =~ ^(not-installed)?$ ]]
echo "and nothing is left"
`;

const release = await Deno.makeTempDir({ prefix: "anklume-dist-" });
globalThis.addEventListener("unload", () => Deno.removeSync(release, { recursive: true }));

Deno.test("the README names the package that a release makes", async () => {
  const { code, stdout, stderr } = await new Deno.Command(`${REPOSITORY}/scripts/release`, {
    args: [`${release}/dist`],
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
  assert.ok(Deno.statSync(`${release}/dist/${readmeLines().packageFile}`).isFile);
});

for (const debian of ["bookworm", "trixie"]) {
  Deno.test(`the README's two lines install it on ${debian}, and purging it leaves nothing`, async () => {
    const { sums, install, packageFile } = readmeLines();
    const line = debian === "bookworm"
      ? install.replace("apt install", `apt install ${BACKPORTS}`)
      : install;
    const files = [packageFile, "SHA256SUMS"].flatMap((file) => [
      "--put",
      `${release}/dist/${file}`,
    ]);
    const { code, text } = await onFreshMachine(
      debian,
      ...files,
      "--",
      "bash",
      "-c",
      STRANGER(sums, line),
    );
    assert.equal(code, 0, text);
    assert.match(text, new RegExp(`^${packageFile}: OK$`, "m"), text);
    const version = packageFile.split("_")[1]!.replaceAll(".", "\\.");
    assert.match(text, new RegExp(`^${version} \\([0-9a-f]+\\)$`, "m"), text);
    assert.match(text, /^and nothing is left$/m, text);
  });
}
