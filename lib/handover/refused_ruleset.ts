/** A ruleset that is not one of ours, or a request that the host refuses, with the reason. */
export class RefusedRuleset extends Error {
  override readonly name = "RefusedRuleset";
}
