import type { SeenSource } from "./host_source.ts";
import { normalizePath } from "./normalize_path.ts";

/**
 * A place that machines of several domains can see, and in which at least one of them can write: a
 * way to pass data around the firewall.
 */
export interface Channel {
  /** The outermost directory of the sources. They see the same place, or a place inside another. */
  readonly path: string;
  /** In the order of infra.yml; from at least two domains. */
  readonly sources: readonly SeenSource[];
}

interface PlacedSource {
  readonly seen: SeenSource;
  /** Ends with `/`, so that `/srv/a` is no prefix of `/srv/ab`. */
  readonly path: string;
}

/**
 * Returns the channels between domains, sorted by path. A place inside another one that connects
 * the same machines is left out.
 */
export function findChannels(sources: readonly SeenSource[]): Channel[] {
  const placed = sources.map((seen): PlacedSource => ({ seen, path: slashed(seen.real) }));
  const paths = [...new Set(placed.map(({ path }) => path))].sort();
  const told: { path: string; seen: ReadonlySet<SeenSource> }[] = [];
  const channels: Channel[] = [];
  for (const path of paths) {
    const within = placed.filter((each) => each.path.startsWith(path));
    if (!leads(within, path)) continue;
    const seen = new Set(within.map((each) => each.seen));
    const known = told.some((outer) =>
      path.startsWith(outer.path) && [...seen].every((each) => outer.seen.has(each))
    );
    if (known) continue;
    told.push({ path, seen });
    channels.push({ path: path === "/" ? path : path.slice(0, -1), sources: [...seen] });
  }
  return channels;
}

/**
 * True if two sources of different domains see one place and at least one of them can write in it.
 * All are inside `path`.
 */
function leads(within: readonly PlacedSource[], path: string): boolean {
  return within.filter((each) => each.path === path).some((outer) =>
    within.some((inner) =>
      inner.seen.domain !== outer.seen.domain && !(inner.seen.readonly && outer.seen.readonly)
    )
  );
}

function slashed(real: string): string {
  const path = real.startsWith("/") ? normalizePath(real) : real;
  return path.endsWith("/") ? path : `${path}/`;
}
