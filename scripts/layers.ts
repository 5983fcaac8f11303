/**
 * Checks that the rooms of lib/ import downwards only, as docs/ARCHITECTURE.md draws it, and that only `host` and
 * `incus` touch `Deno.*`. `deno run --allow-read scripts/layers.ts`; exit 1 names every line that breaks a rule.
 */

interface Room {
  /** Rooms whose code it may use. */
  readonly uses: readonly string[];
  /** Rooms whose types it may name besides. */
  readonly types?: readonly string[];
  /** May touch `Deno.*`: the only rooms that meet the machine. */
  readonly machine?: true;
}

const ROOMS: Readonly<Record<string, Room>> = {
  diag: { uses: [] },
  host: { uses: ["diag"], machine: true },
  infra: { uses: ["diag"] },
  addressing: { uses: ["infra", "diag"] },
  incus: { uses: ["diag"], machine: true },
  resource: { uses: ["infra", "addressing", "diag"], types: ["incus"] },
  plan: { uses: ["resource", "addressing", "infra", "diag"], types: ["incus"] },
  apply: { uses: ["plan", "resource", "incus"] },
  snapshot: { uses: ["resource", "incus"] },
  nftables: { uses: ["infra", "addressing", "host", "diag"] },
  ansible: { uses: ["infra", "addressing", "host", "diag"] },
  verify: { uses: ["infra", "addressing", "host", "diag"], types: ["incus", "nftables"] },
  handover: { uses: ["nftables", "infra", "addressing", "host", "diag"] },
  view: {
    uses: ["resource", "diag"],
    types: ["plan", "apply", "ansible", "infra", "nftables", "verify", "snapshot"],
  },
  command: {
    uses: [
      ...["diag", "host", "infra", "addressing", "incus", "resource", "plan", "apply"],
      ...["snapshot", "nftables", "handover", "ansible", "verify", "view"],
    ],
  },
};

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?([^"';]*?)\bfrom\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

const faults: string[] = [];
let files = 0;

for await (const { path, room } of sources()) {
  files++;
  const text = await Deno.readTextFile(path);
  const rules = ROOMS[room];
  if (rules === undefined) {
    faults.push(
      `${path}: lib/${room} is no room: name it in scripts/layers.ts and ARCHITECTURE.md`,
    );
    continue;
  }
  for (const found of text.matchAll(IMPORT)) {
    const target = /^\.\.\/([a-z]+)\//.exec(found[3] ?? found[4] ?? "")?.[1];
    if (target === undefined || target === room || rules.uses.includes(target)) continue;
    const typesOnly = found[1] !== undefined || namesTypesOnly(found[2] ?? "");
    if (typesOnly && rules.types?.includes(target)) continue;
    const what = typesOnly || rules.types?.includes(target) !== true ? "" : ", types excepted";
    faults.push(`${path}:${lineAt(text, found.index)}: ${room} may not import ${target}${what}`);
  }
  if (rules.machine) continue;
  for (const found of text.matchAll(/^(?!\s*(?:\/\/|\*)).*\bDeno\.(?!test\b)\w+/gm)) {
    faults.push(`${path}:${lineAt(text, found.index)}: only lib/host and lib/incus touch Deno.*`);
  }
}

const page = await Deno.readTextFile("docs/ARCHITECTURE.md");
for (const room of Object.keys(ROOMS)) {
  if (!page.includes(`\`lib/${room}/\``)) {
    faults.push(`docs/ARCHITECTURE.md: the table of rooms lacks lib/${room}/`);
  }
}

for (const fault of faults) console.error(fault);
if (faults.length > 0) Deno.exit(1);
console.log(`layers: ${files} files in ${Object.keys(ROOMS).length} rooms import downwards only`);

/** Sources of lib/ with their room; tests and fixtures may look anywhere. */
async function* sources(): AsyncGenerator<{ path: string; room: string }> {
  for await (const room of Deno.readDir("lib")) {
    if (!room.isDirectory) continue;
    for await (const file of Deno.readDir(`lib/${room.name}`)) {
      const path = `lib/${room.name}/${file.name}`;
      if (file.isDirectory) {
        for await (const inner of Deno.readDir(path)) {
          if (isSource(inner.name)) yield { path: `${path}/${inner.name}`, room: room.name };
        }
      } else if (isSource(file.name)) {
        yield { path, room: room.name };
      }
    }
  }
}

function isSource(name: string): boolean {
  return name.endsWith(".ts") && !/(_test|fixture)\.ts$/.test(name);
}

/** `{ type A, type B }`. */
function namesTypesOnly(names: string): boolean {
  const inner = /\{([^}]*)\}/.exec(names)?.[1];
  if (inner === undefined) return false;
  const parts = inner.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return parts.every((part) => part.startsWith("type "));
}

function lineAt(text: string, index: number): number {
  // A pattern that begins with white space may match from the line before.
  const start = index + text.slice(index).search(/\S/);
  return text.slice(0, start).split("\n").length;
}
