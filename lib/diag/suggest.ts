import leven from "leven";

/** Returns the candidate that the user probably meant; undefined if none is close. */
export function suggest(text: string, candidates: Iterable<string>): string | undefined {
  if (text.length > 80) return undefined;
  const wanted = normal(text);
  // Two of five letters may be wrong (two letters were swapped). A short word may have one mistake.
  const limit = Math.max(1, Math.floor(wanted.length * 0.4));
  // A prefix such as `proto` counts if only one candidate starts with it.
  const longer = [...candidates].filter((word) =>
    wanted.length >= 3 && normal(word).startsWith(wanted)
  );
  if (longer.length === 1) return longer[0];
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = leven(wanted, normal(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function normal(word: string): string {
  return word.toLowerCase().replaceAll("-", "_");
}
