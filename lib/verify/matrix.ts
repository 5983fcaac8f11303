import type { Infra } from "../infra/infra.ts";
import type { Result } from "./judge.ts";
import type { ProbePlace } from "./probe.ts";

/**
 * The result of all probes from one place to another. `closed`: all refused, as declared. `open`:
 * all accepted, as declared. `part`: some refused and some accepted, as declared.
 */
export type CellState = "closed" | "open" | "part" | "leak" | "blocked" | "unknown" | "unprobed";

export interface Matrix {
  /** Names of rows; `host` is the last. */
  readonly from: readonly string[];
  /** Names of columns; `host` and `outside` are the last. */
  readonly to: readonly string[];
  /** `cells[row][column]` */
  readonly cells: readonly (readonly CellState[])[];
}

/** Returns the row or column of a place: a domain, `host` or `outside`. */
function zoneOf(place: ProbePlace): string {
  return place.kind === "machine" ? place.domain : place.kind;
}

/**
 * Returns the matrix of all domains, or with `fold` of the declared ones: copies of one domain
 * share a row and a column.
 */
export function matrixOf(infra: Infra, results: readonly Result[], fold = false): Matrix {
  const group = new Map(
    infra.domains.map((
      domain,
    ) => [domain.name, fold ? domain.copy?.of ?? domain.name : domain.name]),
  );
  const domains = [...new Set(infra.domains.map(({ name }) => group.get(name) ?? name))];
  const key = (from: string, to: string) => `${from} ${to}`;
  const groupOf = (place: ProbePlace) => group.get(zoneOf(place)) ?? zoneOf(place);
  const byPair = new Map<string, Result[]>();
  for (const result of results) {
    const { from, to } = result.probe;
    // All copies of a domain share the cell on the diagonal; only its state shows a leak between
    // two of them.
    const pair = key(groupOf(from), groupOf(to));
    const all = byPair.get(pair);
    if (all === undefined) byPair.set(pair, [result]);
    else all.push(result);
  }
  const from = [...domains, "host"];
  const to = [...domains, "host", "outside"];
  return {
    from,
    to,
    cells: from.map((row) => to.map((column) => stateOf(byPair.get(key(row, column)) ?? []))),
  };
}

function stateOf(results: readonly Result[]): CellState {
  if (results.some(({ difference }) => difference === "leak")) return "leak";
  if (results.some(({ difference }) => difference !== undefined)) return "blocked";
  const known = results.filter(({ unknown }) => !unknown);
  if (known.length === 0) return results.length === 0 ? "unprobed" : "unknown";
  const open = known.filter(({ probe }) => probe.expected === "open").length;
  return open === 0 ? "closed" : open === known.length ? "open" : "part";
}
