/** What `deno info` knows of the npm packages behind a module. */

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX, as its package.json states it. */
  readonly licence: string;
}

/** Every npm package that a module reaches, statically or by `import()`, sorted by name. */
export async function walkPackages(module: string): Promise<NpmPackage[]> {
  const graph = await denoInfo<Graph>(module);
  const { npmCache } = await denoInfo<{ npmCache: string }>();
  const registries = Array.from(Deno.readDirSync(npmCache)).filter((entry) => entry.isDirectory);
  const found = await Promise.all(
    reachable(graph).map(async ({ name, version }) => {
      for (const registry of registries) {
        const path = `${npmCache}/${registry.name}/${name}/${version}/package.json`;
        const text = await Deno.readTextFile(path).catch(() => undefined);
        if (text === undefined) continue;
        const { license } = JSON.parse(text) as { license?: string };
        return { name, version, licence: license ?? "none stated" };
      }
      throw new Error(`${name}@${version} is not in ${npmCache}: run \`deno cache ${module}\``);
    }),
  );
  return found.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

interface Graph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** Everything in the lock file, whether the module reaches it or not. */
  readonly npmPackages: Readonly<Record<string, Node>>;
}

interface Node {
  readonly name: string;
  readonly version: string;
  /** Keys of `npmPackages`. */
  readonly dependencies: readonly string[];
}

function reachable({ modules, npmPackages }: Graph): Node[] {
  const seen = new Set<string>();
  const open = modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...npmPackages[key]!.dependencies);
  }
  return [...seen].map((key) => npmPackages[key]!);
}

async function denoInfo<T>(...args: string[]): Promise<T> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...args],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}
