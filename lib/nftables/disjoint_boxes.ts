import type { Interval } from "./interval.ts";

/** A product of intervals, one for each field of a concatenation, and its policy. */
export interface Box {
  readonly sides: readonly Interval[];
  /** The policy that opens it. */
  readonly policy: string;
}

/**
 * Returns boxes with the same points as `boxes`, without overlap: nft refuses a set whose elements
 * overlap (a machine within its domain, two port ranges). Where two overlap, the earlier one keeps
 * the points, so each point belongs to the first policy that opens it. Quadratic: call it only on
 * boxes that can overlap.
 */
export function disjointBoxes(boxes: readonly Box[]): Box[] {
  const kept: Box[] = [];
  for (const box of boxes) {
    let pieces = [box];
    for (const earlier of kept) {
      if (pieces.length === 0) break;
      pieces = pieces.flatMap((piece) => subtract(piece, earlier));
    }
    kept.push(...pieces);
  }
  return kept;
}

/** Returns `box` without `hole`: at most two pieces per side. */
function subtract(box: Box, hole: Box): Box[] {
  const meets = box.sides.every((side, i) =>
    side.first <= hole.sides[i]!.last && side.last >= hole.sides[i]!.first
  );
  if (!meets) return [box];
  const pieces: Box[] = [];
  const rest = [...box.sides];
  for (const [i, cut] of hole.sides.entries()) {
    const side = rest[i]!;
    if (side.first < cut.first) {
      pieces.push({ ...box, sides: rest.with(i, { ...side, last: cut.first - 1n }) });
    }
    if (side.last > cut.last) {
      pieces.push({ ...box, sides: rest.with(i, { ...side, first: cut.last + 1n }) });
    }
    const first = side.first > cut.first ? side.first : cut.first;
    const last = side.last < cut.last ? side.last : cut.last;
    rest[i] = { ...side, first, last };
  }
  return pieces;
}
