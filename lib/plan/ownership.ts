import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import { FORMAT, MARK, type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource, DesiredResource } from "../resource/resource.ts";
import type { ActualFirewall } from "./actual_state.ts";

/**
 * Returns the error if a resource with a declared name does not belong to this infra; undefined if
 * it does.
 */
export function foreignResource(
  desired: DesiredResource,
  actual: ActualResource,
  owner: Owner,
): Diagnostic | undefined {
  // Incus creates it with the project, so the owner of the project decides.
  if (desired.kind === "profile" && desired.addr.name === "default") return undefined;
  const owned = ownership(actual.config, owner);
  const name = formatAddr(desired.addr);
  switch (owned.kind) {
    case "ours":
      return undefined;
    case "newer":
      return {
        severity: "error",
        code: "NEWER_FORMAT",
        summary: `${name} was written by a newer anklume (format ${owned.format || "?"})`,
        detail: `This anklume knows format ${FORMAT} and would misread what the newer one wrote.`,
        remedy: "use the newer anklume",
        range: desired.range,
      };
    case "unmarked":
      return {
        severity: "error",
        code: "FOREIGN_RESOURCE",
        summary: `${name} exists already and was not made by anklume`,
        detail: "anklume changes and deletes only what carries its own mark.",
        remedy: "rename it in infra.yml, or rename or delete the one in Incus",
        range: desired.range,
      };
    case "other":
      return {
        severity: "error",
        code: "FOREIGN_RESOURCE",
        summary: `${name} belongs to another infra, "${owned.project}"`,
        detail: owned.project === owner.project
          ? "The two infras have the same name but different infra.lock.yml files: was the lock lost or copied?"
          : "anklume changes and deletes only what carries its own infra's mark.",
        remedy: "rename it in infra.yml, or destroy the other infra from its own workspace",
        range: desired.range,
      };
  }
}

/** The resources of one infra on this host. */
export interface LivingInfra {
  /** As its marks say, unchecked. */
  readonly infraId: string;
  readonly machines: readonly string[];
  readonly networks: number;
}

/** Returns the infras on this host with this `project_name`, by their UUIDs. */
export function infrasNamed(project: string, resources: readonly ActualResource[]): LivingInfra[] {
  const named = resources.filter(({ config }) =>
    config[MARK.project] === project && (config[MARK.infra] ?? "") !== ""
  );
  return [...Map.groupBy(named, ({ config }) => config[MARK.infra]!)].map(([infraId, own]) => ({
    infraId,
    machines: own.filter(({ kind }) => kind === "instance").map(({ addr }) => addr.name).toSorted(),
    networks: own.filter(({ kind }) => kind === "network").length,
  })).toSorted((a, b) => a.infraId < b.infraId ? -1 : 1);
}

/**
 * Returns an error if another infra with this name is on this host: both would use the same
 * firewall tables, and each would replace the other's rules.
 */
export function nameTaken(owner: Owner, resources: readonly ActualResource[]): Diagnostic[] {
  const others = infrasNamed(owner.project, resources)
    .filter(({ infraId }) => infraId !== owner.infraId);
  return others.map((other) => ({
    severity: "error",
    code: "NAME_TAKEN",
    summary: `another infra named "${owner.project}" exists on this host`,
    detail: `it is ${livingText(other)}; this workspace's infra.lock.yml names ${owner.infraId}`,
    remedy: "choose another `project_name` here, or destroy the other infra from its own workspace",
  }));
}

/** Returns `11111111-… with the machines a, b`. */
export function livingText({ infraId, machines, networks }: LivingInfra): string {
  const shown = machines.slice(0, 5).join(", ");
  const more = machines.length > 5 ? ` and ${machines.length - 5} more` : "";
  if (machines.length === 0) return `${infraId}, with ${networks} networks and no machine`;
  return `${infraId}, with the machine${machines.length === 1 ? "" : "s"} ${shown}${more}`;
}

/**
 * Returns an error if the lock's UUID belongs to an infra with another name: with it, one infra
 * would take over the other's machines.
 */
export function idTaken(owner: Owner, resources: readonly ActualResource[]): Diagnostic[] {
  const other = resources.find(({ config }) =>
    config[MARK.infra] === owner.infraId && config[MARK.project] !== owner.project
  )?.config[MARK.project];
  if (other === undefined) return [];
  return [{
    severity: "error",
    code: "LOCK_OTHER_INFRA",
    summary: `infra.lock.yml names the UUID of another infra of this host, "${other}"`,
    detail:
      `${owner.infraId} is not an infra called "${owner.project}": it was copied, or written by hand`,
    remedy: "delete infra.lock.yml: the next apply gives this infra a UUID of its own",
  }];
}

/** Returns an error if the rules with this name belong to somebody else. */
export function foreignFirewall(
  { project }: Owner,
  { foreign, differences }: ActualFirewall,
): Diagnostic[] {
  if (foreign !== true) return [];
  return [{
    severity: "error",
    code: "FOREIGN_FIREWALL",
    summary: `the firewall named "${project}" on this host belongs to something else`,
    detail: differences[0] ?? "",
    remedy: "choose another `project_name`. If that infra is gone, remove what it left: " +
      `/etc/anklume/${project}.nft and the nftables tables anklume_${project}`,
  }];
}
