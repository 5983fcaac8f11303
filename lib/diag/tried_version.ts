/** Releases that the tests run on, and all that begin so. Those of nft differ in their grammar. */
const TRIED = {
  incus: ["6.0", "7.0"],
  nft: ["1.0.6", "1.1.3"],
  ansible: ["2.16", "2.19", "2.21"],
} as const;

/** What to say of a program's release that anklume was never tried with; undefined where it was. */
export function untried(program: keyof typeof TRIED, version: string): string | undefined {
  const tried: readonly string[] = TRIED[program];
  if (tried.some((each) => `${version}.`.startsWith(`${each}.`))) return undefined;
  return `anklume was never tried with it, but with ${
    tried.join(", ")
  }: look twice at what it does`;
}
