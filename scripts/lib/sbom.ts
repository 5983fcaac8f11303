/**
 * Prints a software bill of materials (https://cyclonedx.org, 1.5, JSON) of the executable:
 * runtime, npm packages, C programs and their library, and each embedded file.
 * `sbom.ts BINARY RUNTIME MUSL_VERSION`, in the tree where the binary was compiled; the time is
 * $SOURCE_DATE_EPOCH's.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import config from "../../deno.json" with { type: "json" };
import { nameAndVersion, type NpmPackage, walkPackages } from "../check/npm_packages.ts";

const EMBEDDED = ["ansible", "nft", "examples", "build/probe", "build/ruleset"];
/** A role's tests are not embedded. */
const LEFT_OUT = /(^|\/)(molecule|__pycache__)(\/|$)/;

interface Component {
  readonly type: "application" | "library" | "file" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  readonly hashes?: readonly { readonly alg: "SHA-256" | "SHA-512"; readonly content: string }[];
}

function licensed(id: string): Pick<Component, "licenses"> {
  return { licenses: [{ license: { id } }] };
}

async function hashed(path: string): Promise<Required<Pick<Component, "hashes">>> {
  const content = createHash("sha256").update(await Deno.readFile(path)).digest("hex");
  return { hashes: [{ alg: "SHA-256", content }] };
}

function npmComponent(each: NpmPackage): Component {
  const purl = npmUrl(nameAndVersion(each));
  const content = Buffer.from(each.integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    type: "library",
    "bom-ref": purl,
    name: each.name,
    version: each.version,
    ...licensed(each.licence),
    hashes: [{ alg: "SHA-512", content }],
    purl,
  };
}

/**
 * Returns a package URL (https://github.com/package-url/purl-spec): the `@` of a scope is written
 * `%40`.
 */
function npmUrl(name: string): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}`;
}

async function fileComponents(path: string): Promise<Component[]> {
  if (LEFT_OUT.test(path)) return [];
  if (!(await Deno.stat(path)).isDirectory) {
    const ours = licensed("Apache-2.0");
    return [{
      type: "file",
      "bom-ref": `file:${path}`,
      name: path,
      ...ours,
      ...await hashed(path),
    }];
  }
  const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  return (await Promise.all(names.map((name) => fileComponents(`${path}/${name}`)))).flat();
}

/** Returns a UUID of the content: the same content has the same one. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`]
    .join("-") + `-${hex.slice(20, 32)}`;
}

const [binary, runtime, musl] = Deno.args;
const epoch = Number(Deno.env.get("SOURCE_DATE_EPOCH"));
if (binary === undefined || runtime === undefined || !Number.isSafeInteger(epoch)) {
  console.error("usage: SOURCE_DATE_EPOCH=SECONDS sbom.ts BINARY RUNTIME [MUSL_VERSION]");
  Deno.exit(2);
}
const packages = await walkPackages("main.ts");
const { version } = config;
const self: Component = {
  type: "application",
  "bom-ref": `pkg:generic/anklume@${version}`,
  name: "anklume",
  version,
  ...licensed("Apache-2.0"),
  ...await hashed(binary),
  purl: `pkg:generic/anklume@${version}`,
};
const denort: Component = {
  type: "platform",
  "bom-ref": `pkg:github/denoland/deno@v${Deno.version.deno}`,
  name: "denort",
  version: Deno.version.deno,
  ...licensed("MIT"),
  ...await hashed(runtime),
  purl: `pkg:github/denoland/deno@v${Deno.version.deno}`,
};
const library: Component[] = musl === undefined ? [] : [{
  type: "library",
  "bom-ref": `pkg:deb/debian/musl@${musl}`,
  name: "musl",
  version: musl,
  ...licensed("MIT"),
  purl: `pkg:deb/debian/musl@${musl}`,
}];
const files = (await Promise.all(EMBEDDED.map(fileComponents))).flat();
const components = [denort, ...library, ...packages.map(npmComponent), ...files];
const imported = new Set(Object.values(config.imports));
const direct = packages.map(nameAndVersion).filter((each) => imported.has(`npm:${each}`));
const dependencies = [
  {
    ref: self["bom-ref"],
    dependsOn: [
      denort["bom-ref"],
      ...library.map((each) => each["bom-ref"]),
      ...direct.map(npmUrl),
    ],
  },
  ...packages.map((each) => ({
    ref: npmUrl(nameAndVersion(each)),
    dependsOn: each.dependencies.map(npmUrl),
  })),
];
console.log(JSON.stringify(
  {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([self, components]))}`,
    version: 1,
    metadata: { timestamp: new Date(epoch * 1000).toISOString(), component: self },
    components,
    dependencies,
  },
  undefined,
  2,
));
