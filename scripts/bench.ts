/** Called by `scripts/bench`, which explains the suites and prepares their needs. */
import { benchApply } from "./bench_apply.ts";
import { benchNetwork } from "./bench_network.ts";
import { benchNoop } from "./bench_noop.ts";
import { benchPlan } from "./bench_plan.ts";
import { benchProvision } from "./bench_provision.ts";
import { benchSnapshot } from "./bench_snapshot.ts";
import { benchStart } from "./bench_start.ts";

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
