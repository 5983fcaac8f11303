import type { SourceRange } from "../../diag/diagnostic.ts";
import type { Infra } from "../infra.ts";
import { TRUE } from "./incus_values.ts";
import { normalizePath } from "./normalize_path.ts";

/** What a disk shows a machine that is no volume of Incus's: a directory, file or device of the host, or of a cluster. */
export interface HostSource {
  readonly machine: string;
  readonly domain: string;
  /** Name of the disk. */
  readonly device: string;
  /** As infra.yml has it: `/srv/share`, `cephfs:fs/home`. */
  readonly source: string;
  readonly readonly: boolean;
  readonly range: SourceRange;
}

/** A source, and where it leads on the host as it is. */
export interface SeenSource extends HostSource {
  /** With every link followed; where that could not be told, the path as written. */
  readonly real: string;
  /** Why it could not be told. */
  readonly unresolved?: string;
}

/** Every such disk of an infra, those of profiles included, as Incus merges them. */
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

/** Whether it has a path of the host that links could stand in. */
export function isPath(source: string): boolean {
  return source.startsWith("/");
}

/** Whether a link stands in the path. */
export function isLinked({ source, real, unresolved }: SeenSource): boolean {
  return unresolved === undefined && isPath(source) && normalizePath(source) !== real;
}
