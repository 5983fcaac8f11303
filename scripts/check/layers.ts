/**
 * Checks the imports of the files of lib/, by the graph that Deno itself resolves (`deno info
 * --json`): rooms import downwards only, as docs/ARCHITECTURE.md shows; no circle of files; no
 * unused file; only `host` and `incus` use `Deno.*`. `deno run --allow-read --allow-run=deno
 * scripts/check/layers.ts [--circles]`; exit 1 names each line that breaks a rule. `--circles`
 * prints only the circles, types included.
 */

interface Room {
  /** Rooms whose code it may import. */
  readonly uses: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
  /** May use `Deno.*`: the only rooms that touch the machine. */
  readonly machine?: true;
  /**
   * Its folders; each may import those before it. Files beside the folders may import all of them.
   */
  readonly folders?: readonly string[];
}

const DOMAIN = ["diag", "infra", "addressing"] as const;
const DECIDE = [...DOMAIN, "resource", "plan"] as const;

const ROOMS: Readonly<Record<string, Room>> = {
  diag: { uses: [] },
  host: { uses: ["diag"], machine: true },
  infra: { uses: ["diag"], folders: ["yaml", "shape", "check", "build"] },
  addressing: { uses: ["diag", "infra"] },
  incus: { uses: ["diag"], machine: true },
  resource: { uses: DOMAIN, types: ["incus"] },
  plan: { uses: [...DOMAIN, "resource"], types: ["incus"] },
  apply: { uses: ["diag", "plan", "resource", "incus"] },
  snapshot: { uses: ["diag", "resource", "incus"] },
  nftables: { uses: [...DOMAIN, "host"] },
  ansible: { uses: [...DOMAIN, "host"] },
  verify: { uses: [...DOMAIN, "host"], types: ["incus", "nftables"] },
  handover: { uses: [...DOMAIN, "host", "nftables"] },
  view: {
    uses: [...DECIDE],
    types: ["apply", "ansible", "nftables", "handover", "verify", "snapshot"],
  },
  session: { uses: [...DOMAIN, "host", "incus", "resource", "view"] },
  workspace: { uses: [...DECIDE, "host", "ansible", "view", "session"] },
  live: {
    uses: [
      ...[...DECIDE, "host", "incus", "apply", "snapshot", "nftables", "handover", "ansible"],
      ...["view", "session", "workspace"],
    ],
  },
  command: {
    uses: [
      ...[...DECIDE, "host", "incus", "apply", "snapshot", "nftables", "handover", "ansible"],
      ...["verify", "view", "session", "workspace", "live"],
    ],
  },
};

/** One import, as Deno resolves it. */
interface Edge {
  readonly from: string;
  readonly to: string;
  /** From 1. */
  readonly line: number;
  readonly typesOnly: boolean;
}

interface Resolved {
  readonly specifier?: string;
  readonly span: { readonly start: { readonly line: number } };
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly code?: Resolved; readonly type?: Resolved }[];
  }[];
}

const ROOT = new URL("../../", import.meta.url);
const { files, edges } = await readGraph();
const circles = findCircles(edges);

if (Deno.args.includes("--circles")) {
  for (const circle of circles) console.log(circle.join(" -> "));
  console.log(`${circles.length} circles among ${files.length} files`);
  Deno.exit(0);
}

const faults = [
  ...circles.map((circle) => `circle: ${circle.join(" -> ")}`),
  ...edges.flatMap(upward),
  ...await deadFiles(),
  ...(await Promise.all(files.map(machineUses))).flat(),
  ...await undrawnRooms(),
];
for (const fault of faults) console.error(fault);
if (faults.length > 0) Deno.exit(1);
console.log(`layers: ${files.length} files in ${Object.keys(ROOMS).length} rooms import downwards`);

async function readGraph(): Promise<{ files: string[]; edges: Edge[] }> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
  const files: string[] = [];
  const edges: Edge[] = [];
  for (const { specifier, dependencies = [] } of graph.modules) {
    const from = ownPath(specifier);
    if (from === undefined) continue;
    files.push(from);
    for (const { code, type } of dependencies) {
      const found = code ?? type;
      const to = ownPath(found?.specifier);
      if (found === undefined || to === undefined) continue;
      edges.push({ from, to, line: found.span.start.line + 1, typesOnly: code === undefined });
    }
  }
  return { files: files.sort(), edges };
}

/** Returns a path such as `lib/infra/ip.ts`; undefined for a file outside lib/. */
function ownPath(specifier: string | undefined): string | undefined {
  const base = `${ROOT.href}lib/`;
  return specifier?.startsWith(base) ? specifier.slice(ROOT.href.length) : undefined;
}

/**
 * Returns circles of files, each once: the strongly connected components of the graph, types
 * included (Tarjan).
 */
function findCircles(edges: readonly Edge[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...targets.get(from) ?? [], to]);
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const to of targets.get(file) ?? []) {
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(to)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const part = stack.splice(stack.indexOf(file));
    if (part.length > 1) found.push([...part.sort(), part[0]!]);
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return found.sort();
}

function upward({ from, to, line, typesOnly }: Edge): string[] {
  const [a, b] = [placeOf(from), placeOf(to)];
  const rules = ROOMS[a.room];
  if (rules === undefined) {
    return [
      `${from}: lib/${a.room} is no room: name it in scripts/check/layers.ts and ARCHITECTURE.md`,
    ];
  }
  if (a.room === b.room) {
    const { folders } = rules;
    if (folders === undefined || a.folder === undefined || a.folder === b.folder) return [];
    const below = b.folder !== undefined && folders.indexOf(b.folder) < folders.indexOf(a.folder);
    // The files beside the folders hold the types that all of them use.
    if (below || b.folder === undefined) return [];
    return [`${from}:${line}: ${a.room}/${a.folder} may not import ${b.room}/${b.folder}`];
  }
  if (rules.uses.includes(b.room) || typesOnly && rules.types?.includes(b.room)) return [];
  const what = rules.types?.includes(b.room) ? ", types excepted" : "";
  return [`${from}:${line}: ${a.room} may not import ${b.room}${what}`];
}

function placeOf(path: string): { room: string; folder?: string } {
  const [, room = "", ...rest] = path.split("/");
  return rest.length > 1 ? { room, folder: rest[0]! } : { room };
}

/** Reports sources that the program does not reach, except tests and their fixtures (`_…`). */
async function deadFiles(): Promise<string[]> {
  const reached = new Set(files);
  const dead: string[] = [];
  for await (const path of sources("lib")) {
    if (!reached.has(path)) dead.push(`${path}: the program does not use it`);
  }
  return dead;
}

async function* sources(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(directory, ROOT))) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts") && !name.startsWith("_")) {
      yield path;
    }
  }
}

async function machineUses(path: string): Promise<string[]> {
  if (ROOMS[placeOf(path).room]?.machine) return [];
  const lines = (await Deno.readTextFile(new URL(path, ROOT))).split("\n");
  return lines.flatMap((text, index) =>
    /^(?!\s*(?:\/\/|\*)).*\bDeno\.\w+/.test(text)
      ? [`${path}:${index + 1}: only lib/host and lib/incus touch Deno.*`]
      : []
  );
}

async function undrawnRooms(): Promise<string[]> {
  const page = await Deno.readTextFile(new URL("docs/ARCHITECTURE.md", ROOT));
  return Object.keys(ROOMS).filter((room) => !page.includes(`\`lib/${room}/\``)).map((room) =>
    `docs/ARCHITECTURE.md: the table of rooms lacks lib/${room}/`
  );
}
