import type { SourceRange } from "../../diag/diagnostic.ts";
import type { Infra } from "../infra.ts";
import { TRUE } from "./incus_values.ts";
import { normalizePath } from "./normalize_path.ts";

/**
 * A disk of a machine that is not a volume of Incus: a directory, file or device of the host, or of
 * a cluster.
 */
interface HostSource {
  readonly machine: string;
  readonly domain: string;
  /** The name of the disk device. */
  readonly device: string;
  /** The source as in infra.yml: `/srv/share`, `cephfs:fs/home`. */
  readonly source: string;
  readonly readonly: boolean;
  readonly range: SourceRange;
}

/** A source together with its real path on the host. */
export interface SeenSource extends HostSource {
  /** The path with every link followed. If it could not be found out, the path as written. */
  readonly real: string;
  /** The reason why it could not be found out. */
  readonly unresolved?: string;
}

/** Returns every such disk of an infra, including those of profiles, merged as in Incus. */
export function hostSourcesOf(infra: Infra): HostSource[] {
  return infra.domains.flatMap((domain) => {
    const profiles = new Map(domain.profiles.map((profile) => [profile.name, profile]));
    return domain.machines.flatMap((machine) => {
      const merged = new Map<string, Omit<HostSource, "machine" | "domain" | "device">>();
      for (const owner of [...machine.profiles.map((name) => profiles.get(name)), machine]) {
        for (const [name, device] of Object.entries(owner?.devices ?? {})) {
          const { type, source, pool } = device;
          merged.delete(name);
          if (type !== "disk" || !source || pool || source === "tmpfs:") continue;
          const place = owner === machine ? machine.ranges.get(`devices.${name}`) : owner?.range;
          merged.set(name, {
            source,
            readonly: TRUE.test(device.readonly ?? ""),
            range: place ?? machine.range,
          });
        }
      }
      return [...merged].map(([device, rest]) => ({
        machine: machine.name,
        domain: domain.name,
        device,
        ...rest,
      }));
    });
  });
}

/** True if the source is a path of the host, which can contain links. */
export function isPath(source: string): boolean {
  return source.startsWith("/");
}

/** True if the path contains a link. */
export function isLinked({ source, real, unresolved }: SeenSource): boolean {
  return unresolved === undefined && isPath(source) && normalizePath(source) !== real;
}
