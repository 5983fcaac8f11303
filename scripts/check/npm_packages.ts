/** Reads from `deno info` the npm packages that a module uses. */

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX identifier of its package.json. */
  readonly licence: string;
  /** Text of its licence; undefined if the package has none. */
  readonly licenceText: string | undefined;
  /** SHA-512 of its archive, `sha512-…` in base64, from the registry. Read from deno.lock. */
  readonly integrity: string;
  /** `name@version` of the packages that it uses. */
  readonly dependencies: readonly string[];
}

/** Returns each npm package that a module reaches, statically or by `import()`, sorted by name. */
export async function walkPackages(module: string): Promise<NpmPackage[]> {
  const graph = await denoInfo<Graph>(module);
  const { npmCache } = await denoInfo<{ npmCache: string }>();
  const registries = Array.from(Deno.readDirSync(npmCache)).filter((entry) => entry.isDirectory);
  const { npm: locked } = JSON.parse(await Deno.readTextFile("deno.lock")) as Lock;
  const found = await Promise.all(
    reachable(graph).map(async ({ key, name, version, dependencies }) => {
      for (const registry of registries) {
        const directory = `${npmCache}/${registry.name}/${name}/${version}`;
        const text = await Deno.readTextFile(`${directory}/package.json`).catch(() => undefined);
        if (text === undefined) continue;
        const { license } = JSON.parse(text) as { license?: string };
        return {
          name,
          version,
          licence: license ?? "none stated",
          licenceText: await readLicence(directory),
          integrity: locked[key]!.integrity,
          // A key may include the packages it was resolved with: `tab@0.0.22_commander@15.1.0`.
          dependencies: dependencies.map((each) => nameAndVersion(graph.npmPackages[each]!)),
        };
      }
      throw new Error(`${name}@${version} is not in ${npmCache}: run \`deno cache ${module}\``);
    }),
  );
  return found.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

export function nameAndVersion({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`;
}

async function readLicence(directory: string): Promise<string | undefined> {
  for await (const { name } of Deno.readDir(directory)) {
    if (/^licen[cs]e(\.|$)/i.test(name)) return await Deno.readTextFile(`${directory}/${name}`);
  }
  return undefined;
}

interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

interface Graph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** All packages in the lock file, whether the module reaches them or not. */
  readonly npmPackages: Readonly<Record<string, Node>>;
}

interface Node {
  readonly name: string;
  readonly version: string;
  /** Keys of `npmPackages`. */
  readonly dependencies: readonly string[];
}

function reachable({ modules, npmPackages }: Graph): (Node & { readonly key: string })[] {
  const seen = new Set<string>();
  const open = modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...npmPackages[key]!.dependencies);
  }
  return [...seen].map((key) => ({ ...npmPackages[key]!, key }));
}

async function denoInfo<T>(...args: string[]): Promise<T> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...args],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}
