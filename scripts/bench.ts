/**
 * Figures of anklume, each as a ratio to something measured in the same run, because these machines are
 * shared and noisy. Called by `scripts/bench`, which prepares the binary.
 */
import { benchPlan } from "./bench_plan.ts";
import { benchStart } from "./bench_start.ts";

const USAGE = `Usage: scripts/bench SUITE

Suites:
  start    start of the compiled binary against a compiled hello world
  plan     planning 1,250 to 10,000 machines: time, memory, growth
`;

const suites: Record<string, () => Promise<boolean>> = {
  start: benchStart,
  plan: benchPlan,
};

const suite = suites[Deno.args[0] ?? ""];
if (suite === undefined || Deno.args.length !== 1) {
  console.error(USAGE);
  Deno.exit(2);
}
Deno.exit(await suite() ? 0 : 1);
