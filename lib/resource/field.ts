import { optional } from "../diag/optional.ts";
/** The effect of a change on running machines and on data, from harmless to worst. */
export const EFFECTS = [
  /** Nothing that runs is affected. */
  "in-place",
  /** Stored now; effective at the next start of the machine, which apply does not trigger. */
  "next-start",
  /** apply restarts the machine, or stops it if it should be stopped. */
  "restart",
  /** The root disk is created again; volumes stay. */
  "rebuild",
  /** Data is deleted permanently. */
  "data-lost",
] as const;
export type Effect = typeof EFFECTS[number];

/** One field that differs. The values are Incus's; `undefined` means not set. */
export interface FieldChange {
  /** `config.limits.cpu`, `devices.eth0.ipv4.address`, `state`, `image` … */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  readonly effect: Effect;
  /** A breach of the isolation. It is shown first and with emphasis. */
  readonly breach?: boolean;
}

/** Returns the worst effect of some fields; `in-place` if there are none. */
export function worstEffect(fields: readonly FieldChange[]): Effect {
  const rank = Math.max(0, ...fields.map((field) => EFFECTS.indexOf(field.effect)));
  return EFFECTS[rank] ?? "in-place";
}

/**
 * Returns a `FieldChange` without keys that are not set, so that equal plans compare and serialise
 * equally.
 */
export function fieldChange(
  path: string,
  before: string | undefined,
  after: string | undefined,
  effect: Effect,
  breach = false,
): FieldChange {
  return {
    path,
    ...optional({ before, after }),
    effect,
    ...(breach ? { breach } : {}),
  };
}
