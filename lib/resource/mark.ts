import type { StringMap } from "../infra/infra.ts";

/** The owner of a resource: the infra's `project_name` and the UUID of its lock. */
export interface Owner {
  readonly project: string;
  readonly infraId: string;
}

/**
 * Version of the notes that anklume writes on resources. An older binary refuses a newer version.
 */
export const FORMAT = 1;

/** Prefix of all keys that anklume writes on a resource. */
export const MARK_PREFIX = "user.anklume.";
export const MARK = {
  project: "user.anklume.project",
  infra: "user.anklume.infra",
  format: "user.anklume.format",
  /**
   * The domain that the resource was made for. It groups resources that `infra.yml` no longer
   * declares.
   */
  domain: "user.anklume.domain",
  /** The parts that anklume set, as JSON; see `Managed`. */
  managed: "user.anklume.managed",
  /** On an instance: the image requested when it was created or rebuilt. */
  image: "user.anklume.image",
  /** On a volume: `true` if the machine was `ephemeral: false`. */
  protected: "user.anklume.protected",
  /**
   * The time at which anklume created it (ISO 8601), for kinds whose age Incus does not tell.
   * Written once, never compared.
   */
  created: "user.anklume.created",
  /** On an instance that is kept aside while another takes its place: the name of the other. */
  aside: "user.anklume.aside",
  /**
   * On an instance that only holds the new root disk of another while it is copied: the name of the
   * other.
   */
  fresh: "user.anklume.fresh",
  /** On an incomplete copy of a machine or volume: `formatAddr` of the original. */
  copying: "user.anklume.copying",
  /** The same on a complete copy: the rest of the original can be deleted. */
  copied: "user.anklume.copied",
  /** On a machine with a temporary name: its proper name. */
  called: "user.anklume.called",
  /**
   * On a machine whose volumes are being moved: the devices that used them, as JSON; see
   * `Detached`.
   */
  detached: "user.anklume.detached",
  /**
   * On a copy: names of NICs and proxies that are switched off while the original may still use
   * them.
   */
  masked: "user.anklume.masked",
  /** On a network that exists only during a restore: `true`. */
  standIn: "user.anklume.stand-in",
  /** On an instance: digest of the last provisioning. Provisioning writes it, not the plan. */
  provisioned: "user.anklume.provisioned",
} as const;

/** True for a note that marks a copy. */
export function isCopyNote(key: string): boolean {
  return key === MARK.copying || key === MARK.copied || key === MARK.called;
}

/** True for a note about a move. It is removed when the move is complete. */
export function isMoveNote(key: string): boolean {
  return isCopyNote(key) || key === MARK.detached || key === MARK.masked;
}

/** From the declared device of a volume to every device that used the volume, unchanged. */
export type Detached = Readonly<Record<string, Readonly<Record<string, StringMap>>>>;

/** Reads the note about removed devices. A damaged note counts as empty. */
export function readDetached(config: StringMap): Detached {
  const parsed = parseObject(config[MARK.detached]);
  return Object.fromEntries(
    Object.entries(parsed).map(([declared, devices]) => [
      declared,
      Object.fromEntries(
        Object.entries(asObject(devices)).map(([name, device]) => [name, stringsOf(device)]),
      ),
    ]),
  );
}

export function readMasked(config: StringMap): string[] {
  return (config[MARK.masked] ?? "").split(",").filter((name) => name !== "");
}

/** Value of `MARK.image` while the root disk is being written: the disk may be incomplete. */
export const NO_IMAGE = "anklume-replacing";

type Ownership =
  | { readonly kind: "ours" }
  /** There is no mark: it was created by hand or by another tool. */
  | { readonly kind: "unmarked" }
  /** It belongs to another infra; `project` is its `project_name`. */
  | { readonly kind: "other"; readonly project: string }
  /** It belongs to this infra but was written by a newer anklume. */
  | { readonly kind: "newer"; readonly format: string };

/** Reads the owner of a resource from its config. */
export function ownership(config: StringMap, owner: Owner): Ownership {
  const infra = config[MARK.infra];
  if (infra === undefined || infra === "") return { kind: "unmarked" };
  // Both must match: a lock that contains another infra's UUID does not make that infra's machines
  // ours.
  const project = config[MARK.project] ?? "?";
  if (infra !== owner.infraId || project !== owner.project) return { kind: "other", project };
  const format = config[MARK.format] ?? "";
  if (!/^\d+$/.test(format) || Number(format) > FORMAT) return { kind: "newer", format };
  return { kind: "ours" };
}

/** Parses a JSON object; returns `{}` if the text is not one. */
export function parseObject(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

export function stringsOf(value: unknown): StringMap {
  return Object.fromEntries(
    Object.entries(asObject(value)).flatMap(([key, text]) =>
      typeof text === "string" ? [[key, text]] : []
    ),
  );
}

export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Returns the config of a new resource, with its time of creation. */
export function withBirth(config: StringMap, now: number): Record<string, string> {
  return { ...config, [MARK.created]: new Date(now).toISOString() };
}

/** Returns `createdAt` for resources that Incus does not date itself. */
export function bornAt(config: StringMap): { createdAt?: string } {
  const text = config[MARK.created] ?? "";
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? { createdAt: text } : {};
}
