import type { RestoreMachine, RestorePlan } from "../snapshot/plan_restore.ts";
import { contents, localTime, shortList, span } from "./snapshot.ts";
import { restoreLine } from "./snapshot_lines.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";
import { count } from "./number_text.ts";
import type { LineView } from "./view.ts";

/** More machines than this are counted, not listed. */
const LISTED = 12;

interface PlannedRestore {
  readonly plan: RestorePlan;
  /** Name of the set that is taken first; undefined: none. */
  readonly safety: string | undefined;
  /** The reason why none can be taken. */
  readonly noSafetyBecause?: string | undefined;
  readonly now: Date;
}

/** Returns what is restored and what is lost, for the user who has to agree. */
function restoreText(
  { plan, safety, noSafetyBecause, now }: PlannedRestore,
  style: Style,
): string {
  const { colors, width } = style;
  const { set, machines } = plan;
  const age = span(now.getTime() - Date.parse(set.at));
  const lines = [
    colors.bold(`Restore of ${set.name}`) + `, taken ${localTime(new Date(set.at))}, ${age} ago`,
  ];
  for (const machine of machines.slice(0, LISTED)) {
    lines.push(hang(`  ${machine.live.name}  `, machineWords(machine), width));
  }
  if (machines.length > LISTED) lines.push(`  and ${machines.length - LISTED} more machines`);
  const members = machines.map(({ member }) => member);
  const lost = `everything written since on ${contents(members)}`;
  lines.push(colors.yellow(hang("Lost: ", lost, width)));
  for (const { live, lostVolumes } of machines) {
    if (lostVolumes.length === 0) continue;
    const text = `volume ${lostVolumes.join(", ")}, which is no longer attached to ${live.name}`;
    lines.push(colors.yellow(hang("Not changed: ", text, width)));
  }
  for (const { live, goneVolumes } of machines) {
    if (goneVolumes.length === 0) continue;
    const text = `volume ${goneVolumes.join(", ")} of ${live.name}: deleted since`;
    lines.push(colors.red(hang("Not restored: ", text, width)));
  }
  for (const { live, newVolumes } of machines) {
    if (newVolumes.length === 0) continue;
    const text = `volume ${newVolumes.join(", ")} of ${live.name}, which is not in the set`;
    lines.push(hang("Not changed: ", text, width));
  }
  for (const { pool, newer } of plan.zfs) {
    if (newer.length === 0) continue;
    const text = `newer snapshots, which ZFS (pool ${pool}) deletes: ${shortList(newer)}`;
    lines.push(colors.yellow(hang("Lost: ", text, width)));
  }
  lines.push(...others(plan, style));
  if (safety !== undefined) {
    lines.push(hang("Safety: ", `the present state is kept as ${safety}`, width));
  } else if (noSafetyBecause !== undefined) {
    lines.push(colors.yellow(hang("Safety: ", `no safety set, because ${noSafetyBecause}`, width)));
  }
  return `${lines.join("\n")}\n`;
}

/** The plan of a restore. */
export const restoreView: LineView<PlannedRestore> = {
  text: restoreText,
  line: ({ plan, safety }) => restoreLine(plan, safety),
};

/** Returns the machines that are not restored, and why. */
function others(
  { gone, broken, ground, leftAlone }: RestorePlan,
  { colors, width }: Style,
): string[] {
  const lines: string[] = [];
  for (const [since, members] of Map.groupBy(gone, ({ anew }) => anew ? "recreated" : "deleted")) {
    const names = shortList(members.map(({ machine }) => machine));
    lines.push(colors.red(hang("Not restored: ", `${names}: ${since} since`, width)));
  }
  if (broken.length > 0) {
    const names = shortList(broken.map(({ machine }) => machine));
    const text = `${names}: parts of the set are missing`;
    lines.push(colors.red(hang("Not restored: ", text, width)));
  }
  for (const { name } of ground) {
    const text = `${name}: it runs this anklume; run the same command on the host to restore it`;
    lines.push(colors.red(hang("Not restored: ", text, width)));
  }
  if (leftAlone.length > 0) {
    const text = `${count(leftAlone.length, "machine")} not in the set: ` +
      shortList(leftAlone.map(({ name }) => name));
    lines.push(hang("Not changed: ", text, width));
  }
  return lines;
}

function machineWords({ live, member, runs }: RestoreMachine): string {
  const volumes = member.volumes.map(({ volume }) => printable(volume));
  const parts = ["root disk", ...volumes].join(", ");
  const stopped = live.status === "Stopped";
  const state = runs ? stopped ? "will be started" : "will be restarted" : "stays stopped";
  return `${parts}; ${state}`;
}
