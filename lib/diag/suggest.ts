import leven from "leven";

/** The candidate that the text was probably meant to be; undefined when none is close. */
export function suggest(text: string, candidates: Iterable<string>): string | undefined {
  if (text.length > 80) return undefined;
  const wanted = text.toLowerCase().replaceAll("-", "_");
  // Two of five letters may be wrong (two letters changed places); a short word has one mistake.
  const limit = Math.max(1, Math.floor(wanted.length * 0.4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = leven(wanted, candidate.toLowerCase().replaceAll("-", "_"));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
