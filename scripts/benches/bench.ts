/** Called by `scripts/bench`, which explains the suites and prepares their needs. */
import { benchApply } from "./apply.ts";
import { benchNetwork } from "./network.ts";
import { benchNoop } from "./noop.ts";
import { benchPlan } from "./plan.ts";
import { benchProvision } from "./provision.ts";
import { benchSnapshot } from "./snapshot.ts";
import { benchStart } from "./start.ts";

/** Each prints its figures and returns true if all are within their limits. */
const suites: Record<string, (args: readonly string[]) => Promise<boolean>> = {
  start: benchStart,
  plan: benchPlan,
  apply: benchApply,
  noop: benchNoop,
  network: benchNetwork,
  provision: benchProvision,
  snapshot: benchSnapshot,
};

const [name = "", ...args] = Deno.args;
const suite = suites[name];
if (suite === undefined) throw new Error(`no such suite: ${name}`);
Deno.exit(await suite(args) ? 0 : 1);
