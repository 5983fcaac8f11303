import type { View } from "./view.ts";
import type { UnfinishedRestore } from "../snapshot/pending_restore.ts";
import type { SetMember, SnapshotSet } from "../snapshot/snapshot_set.ts";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import { type Cell, table } from "./table.ts";
import { hang, printable } from "./text.ts";
import { count } from "./number_text.ts";

/** Sets, and what an interrupted run left behind. */
interface SnapshotListing {
  /** When it was read. */
  readonly now: Date;
  readonly sets: readonly SnapshotSet[];
  readonly restoring: readonly UnfinishedRestore[];
  /** Machines that a killed `--consistent` left frozen. */
  readonly frozen: readonly string[];
}

/** The text of an empty cell in a column with other values. */
const NOTHING = "-";

/** Returns the output of `snapshot list`, oldest first. */
export function snapshotsText(listing: SnapshotListing, style: Style): string {
  const { colors, width } = style;
  const lines: string[] = [];
  if (listing.sets.length === 0) lines.push("No snapshots.");
  else {
    const rows = listing.sets.map((set) => setRow(set, style, listing.now));
    const columns = [
      { title: "NAME" },
      { title: "TAKEN" },
      { title: "AGE" },
      { title: "EXPIRES" },
      { title: "MACHINES", least: 8 },
      { title: "VOL" },
      { title: "SIZE" },
      { title: "BY", least: 6 },
    ];
    // A column without any value is left out.
    const used = columns.map((_, index) =>
      rows.some(({ [index]: cell }) => !["", NOTHING].includes(cell?.text ?? ""))
    );
    lines.push(...table(
      columns.filter((_, index) => used[index]),
      rows.map((row) => row.filter((_, index) => used[index])),
      width,
      colors.bold,
    ));
  }
  const faulty = listing.sets.filter(({ faults }) => faults.length > 0);
  if (faulty.length > 0) lines.push("");
  for (const { name, origin, faults } of faulty) {
    // The user may have wanted the root disk alone.
    const word = origin === "other" || origin === "schedule" ? "" : "incomplete: ";
    lines.push(colors.yellow(hang(`${printable(name)}: `, word + shortList(faults), width)));
  }
  lines.push(...leftBehind(listing, style));
  return `${lines.join("\n")}\n`;
}

/** Returns what an interrupted run left behind, with the command that repairs it. */
function leftBehind(
  { restoring, frozen }: Omit<SnapshotListing, "sets">,
  { colors, width }: Style,
): string[] {
  const lines: string[] = [];
  for (const restore of restoring) {
    const text = `a restore of ${restore.set} was interrupted: ${shortList(restore.machines)}; ` +
      endingOf(restore);
    lines.push(colors.red(hang("Unfinished: ", text, width)));
  }
  if (frozen.length > 0) {
    const text = `${shortList(frozen)}, by an interrupted snapshot; the next ` +
      "`anklume snapshot create` or `anklume apply` thaws";
    lines.push(colors.red(hang("Frozen: ", text, width)));
  }
  return lines;
}

/** Returns how an interrupted restore can be finished. */
function endingOf({ set, scope, gone, safety }: UnfinishedRestore): string {
  if (!gone) return `\`${["anklume snapshot restore", set, ...scope].join(" ")}\` finishes it`;
  if (safety === undefined) return `${set} was deleted since, so a restore of another set ends it`;
  return `${set} was deleted since; \`anklume snapshot restore ${safety}\` restores the state before it`;
}

/** `snapshot list --json` */
export function snapshotsJson(listing: SnapshotListing): string {
  return jsonText({
    format: 1,
    sets: listing.sets.map(({ faults, members, ...set }) => ({
      ...set,
      members: members.map(({ uuid: _, ...member }) => member),
      complete: faults.length === 0,
      faults,
    })),
    restoring: listing.restoring.flatMap(({ set, machines }) =>
      machines.map((machine) => ({ machine, set }))
    ),
    frozen: listing.frozen,
  });
}

function setRow(set: SnapshotSet, { colors }: Style, now: Date): Cell[] {
  const volumes = volumeCount(set.members);
  const sizes = set.members.flatMap(({ size }) => size ?? []);
  const paint = set.faults.length > 0 ? { paint: colors.yellow } : {};
  return [
    { text: printable(set.name), ...paint },
    { text: localTime(new Date(set.at)) },
    { text: span(now.getTime() - Date.parse(set.at)) },
    {
      text: set.expires === undefined
        ? "never"
        : `in ${span(Date.parse(set.expires) - now.getTime())}`,
    },
    { text: memberNames(set.members) },
    { text: volumes === 0 ? NOTHING : String(volumes) },
    { text: sizes.length === 0 ? "" : bytes(sizes.reduce((sum, size) => sum + size, 0)) },
    { text: byWords(set) },
  ];
}

const ORIGINS: Readonly<Record<SnapshotSet["origin"], string>> = {
  manual: "you",
  safety: "restore",
  apply: "apply",
  baseline: "apply",
  schedule: "schedule",
  other: "Incus",
};

/**
 * Returns who took the set and its description; anklume's own descriptions repeat the name, so they
 * are left out.
 */
function byWords({ origin, description }: SnapshotSet): string {
  const by = ORIGINS[origin];
  return origin === "manual" && description !== undefined ? `${by}: ${printable(description)}` : by;
}

function memberNames(members: readonly SetMember[]): string {
  const names = members.map(({ machine, gone, anew }) =>
    gone ? `${machine} (${anew ? "recreated" : "deleted"})` : machine
  );
  return names.length > 1 ? `${names.length}` : names.join("");
}

/** Returns the first items, and the number of the rest. */
export function shortList(items: readonly string[], most = 4): string {
  const shown = items.slice(0, most).map(printable).join(", ");
  return items.length <= most ? shown : `${shown} and ${items.length - most} more`;
}

/** Returns a time such as `2026-11-25 09:30`, in the user's time zone. */
export function localTime(at: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ` +
    `${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** Returns `40 s`, `3 h`, `12 d`: one number is enough for an age. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), units.length - 1);
  const scaled = value / 1024 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power]}`;
}

/**
 * Returns the contents of a set's members, such as `3 machines and 2 volumes`; a volume whose
 * snapshot is missing does not count.
 */
export function contents(members: readonly SetMember[]): string {
  return contentsText(members.length, volumeCount(members));
}

export function contentsText(machines: number, volumes: number): string {
  const text = count(machines, "machine");
  return volumes === 0 ? text : `${text} and ${count(volumes, "volume")}`;
}

function volumeCount(members: readonly SetMember[]): number {
  return members.flatMap(({ volumes }) => volumes)
    .filter(({ snapshot }) => snapshot !== undefined).length;
}

/** `snapshot list` */
export const snapshotsView: View<SnapshotListing> = { text: snapshotsText, json: snapshotsJson };
