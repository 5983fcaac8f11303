/** A ruleset that is not one of ours, or a wish that the host does not grant, and why. */
export class RefusedRuleset extends Error {
  override readonly name = "RefusedRuleset";
}
