import type { TakeOver } from "../../workspace/resolve_addressing.ts";
import type { ProvisionOptions } from "./provision_machines.ts";

export interface ApplyFlags extends ProvisionOptions, TakeOver {
  readonly domain: readonly string[];
  readonly infra?: true;
  readonly provision?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly prune?: true;
  readonly json?: true;
  readonly snapshot?: true;
  readonly baseline?: true;
}
