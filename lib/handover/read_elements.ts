import { RefusedRuleset } from "./refused_ruleset.ts";

/**
 * Returns the elements in a ruleset's text by `<family> <set>`. The caller checks the text itself
 * later.
 *
 * @throws RefusedRuleset if a set appears twice
 */
export function readElements(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let family = "";
  let set = "";
  let open: string[] | undefined;
  for (const line of text.split("\n")) {
    if (open !== undefined) {
      if (line === "\t\t}") open = undefined;
      else open.push(line.replace(/^\t\t\t/, "").replace(/,$/, ""));
      continue;
    }
    const table = /^table (\w+) \S+ \{$/.exec(line);
    if (table !== null) family = table[1]!;
    const begun = /^\t(?:set|map) (\w+) \{$/.exec(line);
    if (begun !== null) set = begun[1]!;
    if (line === "\t\telements = {") {
      const name = `${family} ${set}`;
      if (found.has(name)) throw new RefusedRuleset(`the set "${name}" is there twice`);
      found.set(name, open = []);
    }
  }
  return found;
}

/** Returns the fields of an element without its comment; `value` is empty if the set is no map. */
export function fieldsOf(element: string): { key: string[]; value: string[] } {
  const [key = "", value] = element.replace(/ comment "[^"]*"/, "").split(" : ");
  return { key: key.split(" . "), value: value === undefined ? [] : value.split(" . ") };
}

/** Returns an interface's name without its quotes. */
export function nameOf(field: string | undefined): string {
  return /^"([^"]*)"$/.exec(field ?? "")?.[1] ?? "";
}
