import { optional } from "../diag/optional.ts";
/** What a change does to what runs, from harmless to worst. */
export const EFFECTS = [
  /** Nothing that runs notices. */
  "in-place",
  /** Stored now, in force when the machine starts again by itself. */
  "next-start",
  /** The machine is restarted (or stopped, where that is what is asked) by apply. */
  "restart",
  /** The root disk is made anew; volumes stay. */
  "rebuild",
  /** Something is deleted for good. */
  "data-lost",
] as const;
export type Effect = typeof EFFECTS[number];

/** One field that differs; values as Incus has them, `undefined`: not set. */
export interface FieldChange {
  /** `config.limits.cpu`, `devices.eth0.ipv4.address`, `state`, `image` … */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  readonly effect: Effect;
  /** A door in the isolation: shown first and loudest. */
  readonly breach?: boolean;
}

/** The worst effect among some fields; `in-place` of none. */
export function worstEffect(fields: readonly FieldChange[]): Effect {
  const rank = Math.max(0, ...fields.map((field) => EFFECTS.indexOf(field.effect)));
  return EFFECTS[rank] ?? "in-place";
}

/** A `FieldChange` without the keys that are not set, so that plans compare and serialise equal. */
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
