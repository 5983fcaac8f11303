import type { AddVerb } from "./verb.ts";

/** Verbs of daily life, for `program.ts`. */
export const dailyVerbs: ReadonlyMap<string, AddVerb> = new Map([]);
