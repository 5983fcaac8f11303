import type { GoldenKind } from "./golden.ts";
import { invalid } from "./invalid.ts";
import { valid } from "./valid.ts";

/** All kinds of golden files: `deno task golden` rewrites them, `golden_test.ts` compares them. */
export const GOLDEN_KINDS: readonly GoldenKind[] = [invalid, valid];
