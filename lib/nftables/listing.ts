/**
 * One chain, set or map of a listing: its properties and rules in order, its elements without
 * order.
 */
interface Block {
  readonly lines: readonly string[];
  readonly elements: ReadonlySet<string>;
}

/**
 * Returns the differences of two listings of `nft -s list table`, one line each, for people; empty
 * if they are equal. The kernel lists the elements of a set in an order of its own, also those of
 * anonymous sets within a rule.
 */
export function compareListings(expected: string, live: string): string[] {
  const [want, have] = [readListing(expected), readListing(live)];
  const differences: string[] = [];
  for (const [name, block] of want) {
    const other = have.get(name);
    if (other === undefined) differences.push(`${name} is missing`);
    else differences.push(...compareBlocks(name, block, other));
  }
  for (const name of have.keys()) {
    if (!want.has(name)) differences.push(`${name} was added`);
  }
  return differences;
}

function compareBlocks(name: string, want: Block, have: Block): string[] {
  const differences = [
    ...without(want.elements, have.elements).map((each) => `${name}: ${each} is missing`),
    ...without(have.elements, want.elements).map((each) => `${name}: ${each} was added`),
    ...without(want.lines, have.lines).map((each) => `${name}: "${each}" is missing`),
    ...without(have.lines, want.lines).map((each) => `${name}: "${each}" was added`),
  ];
  const reordered = differences.length === 0 && want.lines.join("\n") !== have.lines.join("\n");
  return reordered ? [`${name}: its rules are repeated or in another order`] : differences;
}

function without(all: Iterable<string>, known: Iterable<string>): string[] {
  const set = new Set(known);
  return [...all].filter((each) => !set.has(each));
}

/** Returns blocks by name: `table inet x`, `chain forward of inet x`, `set bridges of inet x`. */
function readListing(text: string): Map<string, Block> {
  const blocks = new Map<string, Block>();
  let table = "";
  let open: { name: string; lines: string[]; elements: Set<string> } | undefined;
  let inElements = false;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "") continue;
    if (!raw.startsWith("\t")) {
      if (line !== "}") table = line.replace(/ \{$/, "").replace(/^table /, "");
      open = undefined;
      if (line !== "}") blocks.set(`table ${table}`, { lines: [], elements: new Set() });
      continue;
    }
    if (inElements || (open !== undefined && line.startsWith("elements = {"))) {
      inElements = !line.endsWith("}");
      const list = line.replace(/^elements = \{/, "").replace(/\}$/, "");
      for (const each of list.split(",")) if (each.trim() !== "") open?.elements.add(each.trim());
      continue;
    }
    if (open === undefined && line.endsWith("{")) {
      open = {
        name: `${line.slice(0, -1).trim()} of ${table}`,
        lines: [],
        elements: new Set(),
      };
    } else if (open !== undefined && line === "}") {
      blocks.set(open.name, open);
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(sortedSets(line));
    } else {
      const whole = blocks.get(`table ${table}`);
      blocks.set(`table ${table}`, {
        lines: [...(whole?.lines ?? []), line],
        elements: new Set(),
      });
    }
  }
  return blocks;
}

/** Returns a rule with the elements of its anonymous sets sorted. */
function sortedSets(rule: string): string {
  return rule.replaceAll(
    /\{ ([^{}]*) \}/g,
    (_, list: string) => `{ ${list.split(", ").toSorted().join(", ")} }`,
  );
}
