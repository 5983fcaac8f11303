import type { SeenSource } from "./host_source.ts";
import { normalizePath } from "./normalize_path.ts";

/** A place that machines of several domains see, and that one of them at least writes: a way past the firewall. */
export interface Channel {
  /** The outermost of what they see: the same for all, or one within another. */
  readonly path: string;
  /** In infra.yml's order; of two domains or more. */
  readonly sources: readonly SeenSource[];
}

interface PlacedSource {
  readonly seen: SeenSource;
  /** Ends with `/`, so that `/srv/a` does not lie within `/srv/ab`. */
  readonly path: string;
}

/** The channels between domains, by path; a place within another that joins the same machines is not told twice. */
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

/** Whether two of them, of different domains, see one place that either writes. `path` is one that all lie within. */
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
