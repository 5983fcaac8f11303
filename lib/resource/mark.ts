import type { StringMap } from "../infra/infra.ts";

/** Whose a resource is: the infra's `project_name` and the UUID of its lock. */
export interface Owner {
  readonly project: string;
  readonly infraId: string;
}

/** Version of what anklume writes on resources. An older binary refuses a newer one. */
export const FORMAT = 1;

/** Everything anklume notes on a resource stands under this prefix. */
export const MARK_PREFIX = "user.anklume.";
export const MARK = {
  project: "user.anklume.project",
  infra: "user.anklume.infra",
  format: "user.anklume.format",
  /** Domain the resource was made for: groups what `infra.yml` no longer declares. */
  domain: "user.anklume.domain",
  /** What anklume set, as JSON; see `Managed`. */
  managed: "user.anklume.managed",
  /** Of an instance: the image asked for when it was made or rebuilt. */
  image: "user.anklume.image",
  /** Of a volume: `true` where the machine was `ephemeral: false`. */
  protected: "user.anklume.protected",
  /** When anklume made it (ISO 8601), of the kinds whose age Incus does not tell; written once, never compared. */
  created: "user.anklume.created",
  /** Of an instance that stands aside while another takes its place: the other's name. */
  aside: "user.anklume.aside",
  /** Of an instance that only holds the new root disk of another, for as long as it is copied: the other's name. */
  fresh: "user.anklume.fresh",
  /** Of a machine or volume that is being copied to another place: `formatAddr` of the original. It is not whole. */
  copying: "user.anklume.copying",
  /** The same once it is whole: what is left of the original may go. */
  copied: "user.anklume.copied",
  /** Of a machine whose name is one for the time being: its own. */
  called: "user.anklume.called",
  /** Of a machine whose volumes are on their way: what led to them, as JSON; see `Detached`. */
  detached: "user.anklume.detached",
  /** Of a copy: names under which it has no NIC and no proxy while the original may still use theirs. */
  masked: "user.anklume.masked",
  /** Of a network that is there for the time of a restore: `true`. */
  standIn: "user.anklume.stand-in",
  /** Of an instance: digest of what was last provisioned; written by provisioning, not by the plan. */
  provisioned: "user.anklume.provisioned",
} as const;

/** What tells of a copy that it is one. */
export function isCopyNote(key: string): boolean {
  return key === MARK.copying || key === MARK.copied || key === MARK.called;
}

/** A note of a move, which goes when the move is over. */
export function isMoveNote(key: string): boolean {
  return isCopyNote(key) || key === MARK.detached || key === MARK.masked;
}

/** Declared device of a volume -> every device that led to it, as it was. */
export type Detached = Readonly<Record<string, Readonly<Record<string, StringMap>>>>;

/** Reads the note about devices that were taken out. A damaged note counts as empty. */
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

/** `MARK.image` of a root disk that is being made: half of it may be there. */
export const NO_IMAGE = "anklume-replacing";

export type Ownership =
  | { readonly kind: "ours" }
  /** No mark: made by hand or by another tool. */
  | { readonly kind: "unmarked" }
  /** Another infra's; `project` is its `project_name`. */
  | { readonly kind: "other"; readonly project: string }
  /** Ours, written by a later anklume. */
  | { readonly kind: "newer"; readonly format: string };

/** Reads whose a resource is from its config. */
export function ownership(config: StringMap, owner: Owner): Ownership {
  const infra = config[MARK.infra];
  if (infra === undefined || infra === "") return { kind: "unmarked" };
  // Both have to fit: a lock that names another infra's UUID does not make its machines ours.
  const project = config[MARK.project] ?? "?";
  if (infra !== owner.infraId || project !== owner.project) return { kind: "other", project };
  const format = config[MARK.format] ?? "";
  if (!/^\d+$/.test(format) || Number(format) > FORMAT) return { kind: "newer", format };
  return { kind: "ours" };
}

/** `{}` where the text is no JSON object. */
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

/** The config of something new, with the moment of its birth. */
export function withBirth(config: StringMap, now: number): Record<string, string> {
  return { ...config, [MARK.created]: new Date(now).toISOString() };
}

/** `createdAt` of what Incus does not date itself. */
export function bornAt(config: StringMap): { createdAt?: string } {
  const text = config[MARK.created] ?? "";
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? { createdAt: text } : {};
}
