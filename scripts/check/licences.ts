/**
 * Writes docs/LICENCES.md: the parts embedded in the executable besides anklume, and their
 * licences. With `--check` it compares instead, and fails if the page is out of date. With
 * `--notices DENO_LICENCE` it prints the licence texts that go with each copy. Reads Deno's own
 * package cache.
 */
import { walkPackages } from "./npm_packages.ts";

const PAGE = "docs/LICENCES.md";

const MUSL_LICENCE = "/usr/share/doc/musl-dev/copyright";

/** Licences under which a copy inside an Apache-2.0 executable needs only its notice. */
const ACCEPTED = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"]);

const packages = await walkPackages("main.ts");
const refused = packages.filter(({ licence }) => !ACCEPTED.has(licence));
if (refused.length > 0) {
  console.error(
    `Not a licence that we may embed: ${
      refused.map((each) => `${each.name} (${each.licence})`).join(", ")
    }`,
  );
  Deno.exit(1);
}

const page = `# Licences of the embedded software

anklume itself is under [Apache-2.0](../LICENSE). The executable also contains:

| part | version | licence |
|---|---|---|
| Deno (the runtime) | 2.6.10 | MIT |
| musl (the C library within the prober) | the build machine's | MIT |
${packages.map((each) => `| ${each.name} | ${each.version} | ${each.licence} |`).join("\n")}

Incus, nftables and Ansible are programs of the host: anklume starts them and contains none of them.
This page is written by \`deno task licences\`.
`;

/**
 * Returns the licence texts, which the licences require in each copy. A package without a text
 * states only its licence.
 */
async function notices(denoLicence: string): Promise<string> {
  const deno = await Deno.readTextFile(denoLicence);
  const musl = await Deno.readTextFile(MUSL_LICENCE).catch(() => undefined);
  const parts: readonly (readonly [string, string | undefined, string])[] = [
    ["Deno (the runtime)", deno, "MIT"],
    ...(musl === undefined ? [] : [["musl (in the prober)", musl, "MIT"] as const]),
    ...packages.map(({ name, version, licence, licenceText }) =>
      [`${name} ${version}`, licenceText, licence] as const
    ),
  ];
  const rule = "-".repeat(78);
  return [
    "anklume is under the Apache License 2.0: on Debian its text is in",
    "/usr/share/common-licenses/Apache-2.0. The executable also contains the parts below.",
    ...parts.flatMap(([title, text, licence]) => [
      `\n${rule}\n${title}: ${licence}\n`,
      (text ?? `(The package contains no text of its licence, ${licence}.)`).trim(),
    ]),
    "",
  ].join("\n");
}

if (Deno.args[0] === "--notices") {
  console.log((await notices(Deno.args[1] ?? "")).trimEnd());
} else if (Deno.args[0] === "--check") {
  const stands = await Deno.readTextFile(PAGE).catch(() => "");
  if (stands !== page) {
    console.error(`${PAGE} is not what is embedded: run \`deno task licences\``);
    Deno.exit(1);
  }
  console.log(`${PAGE}: ${packages.length} packages, all accounted for`);
} else {
  await Deno.writeTextFile(PAGE, page);
}
