import type { ApplyEvent } from "../apply/event.ts";
import type { Change } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import { activity } from "./report.ts";
import type { Style } from "./style.ts";
import { printable, shortenLine, withoutColors } from "./text.ts";
import { count, duration } from "./number_text.ts";

/** The screen during an apply: one line per domain, with its present work. */
export interface ProgressState {
  /** By domain; `undefined` is the host. */
  readonly groups: ReadonlyMap<string | undefined, GroupProgress>;
}

export interface GroupProgress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  /** `formatAddr` -> the present work on it. */
  readonly busy: ReadonlyMap<string, string>;
}

export function initialProgress(changes: readonly Change[]): ProgressState {
  const groups = new Map<string | undefined, GroupProgress>();
  for (const { domain } of changes) {
    const total = (groups.get(domain)?.total ?? 0) + 1;
    groups.set(domain, { total, done: 0, failed: 0, skipped: 0, busy: new Map() });
  }
  return { groups };
}

/** Returns the state after one event about a change of `domain`. */
export function advance(
  state: ProgressState,
  domain: string | undefined,
  event: ApplyEvent,
): ProgressState {
  const group = state.groups.get(domain);
  if (group === undefined) return state;
  const name = formatAddr(event.addr);
  const busy = new Map(group.busy);
  let { done, failed, skipped } = group;
  switch (event.type) {
    case "started":
      busy.set(name, activity(event));
      break;
    case "progress":
      busy.set(name, `${name}: ${printable(event.text)}`);
      break;
    case "done":
      busy.delete(name);
      done++;
      break;
    case "failed":
      busy.delete(name);
      failed++;
      break;
    case "skipped":
      busy.delete(name);
      skipped++;
      break;
  }
  const groups = new Map(state.groups);
  groups.set(domain, { total: group.total, done, failed, skipped, busy });
  return { groups };
}

const SPINNER = ["|", "/", "-", "\\"];

/**
 * Returns the lines of the screen, one per domain and at most `rows`: busy domains come first, and
 * those that do not fit are counted. `tick` turns the spinner.
 */
export function progressLines(
  state: ProgressState,
  { colors, width }: Style,
  rows: number,
  tick: number,
): string[] {
  const groups = [...state.groups].sort(([, a], [, b]) => rank(a) - rank(b));
  const room = groups.length <= rows ? rows : rows - 1;
  const lines = groups.slice(0, room).map(([domain, group]) => {
    const wheel = SPINNER[tick % SPINNER.length] ?? "";
    const text = shortenLine(` ${groupTitle(domain, group)}${busyText(group)}`, width - 1);
    if (group.failed > 0) return colors.red(`x${text}`);
    if (isFinished(group)) {
      return group.skipped > 0 ? colors.yellow(`-${text}`) : colors.green(`+${text}`);
    }
    return group.busy.size > 0 ? `${colors.yellow(wheel)}${text}` : colors.dim(`.${text}`);
  });
  const left = groups.length - room;
  return left <= 0 ? lines : [...lines, colors.dim(`  and ${count(left, "domain")} more`)];
}

/** Returns the line below them, such as `12/40 ended, 3 under way, 25 waiting, 12 s`. */
export function progressFooter(
  { groups }: ProgressState,
  { colors, width }: Style,
  elapsedMs: number,
): string {
  const all = [...groups.values()];
  const sum = (of: (group: GroupProgress) => number) =>
    all.reduce((total, group) => total + of(group), 0);
  const total = sum((group) => group.total);
  const ended = sum(({ done, failed, skipped }) => done + failed + skipped);
  const busy = sum((group) => group.busy.size);
  const waiting = Math.max(total - ended - busy, 0);
  const text = `  ${ended}/${total} ended, ${busy} under way, ${waiting} waiting, ${
    duration(elapsedMs)
  }`;
  return colors.dim(shortenLine(text, width - 1));
}

/**
 * Returns how many rows these lines take on a screen of `columns` columns: it may have become
 * narrower since they were drawn.
 */
export function screenRows(lines: readonly string[], columns: number): number {
  const widths = lines.map((line) => withoutColors(line).length);
  return widths.reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0);
}

/** Sorts busy domains first, then waiting, then finished ones. */
function rank(group: GroupProgress): number {
  return group.busy.size > 0 ? 0 : isFinished(group) ? 2 : 1;
}

function busyText(group: GroupProgress): string {
  const last = [...group.busy.values()].at(-1);
  return last === undefined ? "" : `  ${last}`;
}

/** Returns a text such as `pro  4/9`, with the numbers of failed and skipped. */
function groupTitle(domain: string | undefined, group: GroupProgress): string {
  const failed = group.failed === 0 ? "" : `, ${group.failed} failed`;
  const skipped = group.skipped === 0 ? "" : `, ${group.skipped} skipped`;
  return `${domain ?? "host"}  ${group.done}/${group.total}${failed}${skipped}`;
}

function isFinished(group: GroupProgress): boolean {
  return group.done + group.failed + group.skipped >= group.total;
}
