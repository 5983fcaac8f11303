/**
 * Releases that the tests run on. A version that starts with one of them counts as tried. The
 * versions of nft are exact because their grammars differ.
 */
const TRIED = {
  incus: ["6.0", "7.0"],
  nft: ["1.0.6", "1.1.3"],
  ansible: ["2.16", "2.19", "2.21"],
} as const;

/**
 * Returns the warning for a release that anklume was never tried with; undefined for a tried one.
 */
export function untried(program: keyof typeof TRIED, version: string): string | undefined {
  const tried: readonly string[] = TRIED[program];
  if (tried.some((each) => `${version}.`.startsWith(`${each}.`))) return undefined;
  return `anklume was not tested with it, only with ${
    tried.join(", ")
  }: check its results carefully`;
}
