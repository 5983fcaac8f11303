import { realPaths, UnknownPath } from "../host/real_paths.ts";
import { hostSourcesOf, isPath, type SeenSource } from "../infra/check/host_source.ts";
import type { Infra } from "../infra/infra.ts";

/** The reason why a container cannot resolve links of the host. */
const INSIDE = "symbolic links of the host cannot be seen from the admin container";

/**
 * Resolves the host disks that `infra.yml` gives to machines to their real paths of this moment:
 * Incus follows links when the machine starts. Without such disks, no program is started. `inside`:
 * this process runs in an admin container.
 */
export async function seeSources(
  infra: Infra,
  inside: boolean,
  signal: AbortSignal,
): Promise<readonly SeenSource[]> {
  const declared = hostSourcesOf(infra);
  const paths = declared.map(({ source }) => source).filter(isPath);
  const real = inside ? undefined : await realPaths(paths, signal);
  return declared.map((each): SeenSource => {
    const { source } = each;
    if (!isPath(source)) return { ...each, real: source };
    const found = real?.get(source) ?? new UnknownPath(INSIDE);
    return typeof found === "string"
      ? { ...each, real: found }
      : { ...each, real: source, unresolved: found.message };
  });
}
