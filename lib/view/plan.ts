import type { Action, Change, Effect, FieldChange, Plan } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import { breachesOf } from "../resource/breach.ts";
import { MARK_PREFIX } from "../resource/mark.ts";
import { formatBytes } from "../resource/value.ts";
import { lossOf } from "./consent.ts";
import { strangerText } from "./status.ts";
import type { Style } from "./style.ts";
import { hang, printable, shortenLine } from "./text.ts";
import { count } from "./number_text.ts";

const SIGN: Record<Action, string> = {
  create: "+",
  update: "~",
  replace: "!",
  delete: "-",
  "no-op": " ",
};

const VERB: Record<Action, string> = {
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
  "no-op": "keep",
};

/** The effect of a change on running machines, as a text that follows the change. */
const CONSEQUENCE: Record<Effect, string | undefined> = {
  "in-place": undefined,
  "next-start": "takes effect at its next start",
  restart: "restarts it",
  rebuild: "rebuilds it: its root disk is created again, its volumes stay",
  "data-lost": "data is lost",
};

const SHOWN_RULES = 3;

interface PlanViewOptions {
  /** Show each field of created resources, too. */
  readonly everyField?: boolean;
  /** `--force` was given: no note for protected resources. */
  readonly forced?: boolean;
  /** The present time in milliseconds since the epoch, for the age of orphans. */
  readonly now?: number;
  /** Other work will follow, so a plan without changes is not all. */
  readonly moreToDo?: boolean;
}

/** Returns what apply would do, for people: breaches first, then each resource, then the sum. */
export function planText(plan: Plan, style: Style, options: PlanViewOptions = {}): string {
  const lines: string[] = [];
  lines.push(...breachLines(plan, style));
  for (const [domain, changes] of byDomain(plan.changes)) {
    if (lines.length > 0) lines.push("");
    lines.push(style.colors.bold(domain ?? "host"));
    for (const change of changes) {
      lines.push(...changeLines(change, style, options));
    }
  }
  for (
    const section of [
      heldLines(plan, style),
      orphanLines(plan, style, options),
      strangerLines(plan, style),
    ]
  ) {
    if (lines.length > 0 && section.length > 0) lines.push("");
    lines.push(...section);
  }
  if (lines.length > 0) lines.push("");
  lines.push(planSummary(plan, options));
  return `${lines.join("\n")}\n`;
}

/**
 * Returns a text such as
 * `home-lab: 3 to create, 2 to update (1 restart), 0 to delete; 12 unchanged.`
 */
function planSummary(plan: Plan, options: PlanViewOptions = {}): string {
  const title = plan.project;
  if (plan.changes.length === 0 && plan.held.length === 0) {
    const nothing = options.moreToDo ? "" : "nothing to do, ";
    return `${title}: ${nothing}${count(plan.unchanged, "resource")} as declared.`;
  }
  const parts = (["create", "update", "replace", "delete"] as const).flatMap((action) => {
    const changes = plan.changes.filter((change) => change.action === action);
    if (action === "replace" && changes.length === 0) return [];
    return [`${changes.length} to ${VERB[action]}${action === "update" ? notes(changes) : ""}`];
  });
  if (plan.held.length > 0) parts.push(`${plan.held.length} held back`);
  const unchanged = plan.unchanged === 0 ? "" : `; ${plan.unchanged} unchanged`;
  return `${title}: ${parts.join(", ")}${unchanged}.`;
}

/** Returns a text such as ` (1 restart, 1 move)`. */
function notes(changes: readonly Change[]): string {
  const numbers = [
    [changes.filter(({ effect }) => effect === "restart").length, "restart"],
    [changes.filter(({ from, moves }) => from !== undefined || moves !== undefined).length, "move"],
  ] as const;
  const words = numbers.flatMap(([number, noun]) => number === 0 ? [] : [count(number, noun)]);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

/** Returns the changes that the user has to agree to: they restart, rebuild or lose something. */
export function disruptive(plan: Plan): Change[] {
  return plan.changes.filter((change) =>
    change.effect === "restart" || change.effect === "rebuild" || change.effect === "data-lost"
  );
}

function byDomain(changes: readonly Change[]): Map<string | undefined, Change[]> {
  const groups = new Map<string | undefined, Change[]>();
  for (const change of changes) {
    const group = groups.get(change.domain);
    if (group === undefined) groups.set(change.domain, [change]);
    else group.push(change);
  }
  return groups;
}

function breachLines(plan: Plan, { colors, width }: Style): string[] {
  const breaches = breachesOf(plan);
  const lines = breaches.flatMap(({ addr, field }) => [
    colors.red(
      colors.bold(hang("BREACH  ", `${formatAddr(addr)}: ${printable(field.path)}`, width)),
    ),
    ...valueLines(field, width, 8),
  ]);
  const disabled = new Set(
    breaches.flatMap(({ left, domain }) => left === "disabled" ? domain ?? [] : []),
  );
  if (breaches.some(({ left }) => left === undefined)) {
    const text = "The isolation has an opening; `anklume apply` closes it.";
    lines.push(hang("        ", text, width));
  }
  for (const domain of disabled) {
    const text = `anklume changes nothing in ${domain} (\`enabled: false\`): close it with ` +
      "incus, or enable the domain and apply.";
    lines.push(hang("        ", text, width));
  }
  if (breaches.some(({ left }) => left === "orphan")) {
    const text =
      "anklume does not change what infra.yml no longer declares: close it with incus, " +
      "or remove it with `anklume apply --prune`.";
    lines.push(hang("        ", text, width));
  }
  return lines;
}

function strangerLines({ strangers = [] }: Plan, { colors, width }: Style): string[] {
  if (strangers.length === 0) return [];
  return [
    colors.bold("foreign machines, in a domain's Incus project or on its bridge"),
    ...strangers.map(({ addr, ...rest }) =>
      colors.yellow(
        hang("  ? ", printable(strangerText({ resource: formatAddr(addr), ...rest })), width),
      )
    ),
    hang("  ", "anklume leaves them alone: use `incus move` or `incus delete`.", width),
  ];
}

function changeLines(change: Change, style: Style, options: PlanViewOptions): string[] {
  const { colors, width } = style;
  const paint = paintOf(change.action, style);
  const head = `  ${SIGN[change.action]} ${formatAddr(change.addr)}`;
  // A declared resource is created because it is declared: no reason is needed on each line.
  const reason = change.action === "create" && change.domain !== undefined ? "" : change.reason;
  const loss = lossOf(change);
  const consequence = loss === undefined ? CONSEQUENCE[change.effect] : `loses ${loss}`;
  const notes = [reason, consequence].filter((note) => note !== undefined && note !== "").map((
    note,
  ) => printable(note ?? ""));
  const note = notes.join("; ");
  const lines: string[] = [];
  if (note === "") {
    lines.push(paint(head));
  } else if (head.length + 2 + note.length <= width) {
    lines.push(`${paint(head)}  ${colors.dim(note)}`);
  } else {
    lines.push(paint(head), colors.dim(hang("      ", note, width)));
  }
  if (change.needsForce && !options.forced) {
    lines.push(
      colors.yellow(hang("      ", "protected (ephemeral: false): only with --force", width)),
    );
  }
  if (change.action === "create" && !options.everyField) return lines;
  // The fields of a deleted resource are not shown.
  if (change.action === "delete") return lines;
  if (change.addr.kind === "firewall") lines.push(...ruleLines(change, style, options));
  else for (const field of shownFields(change)) lines.push(...fieldLines(field, style));
  return lines;
}

/** Leaves out anklume's own keys, which follow from the rest, unless nothing else changes. */
function shownFields({ fields }: Change): readonly FieldChange[] {
  const others = fields.filter(({ path }) => !path.startsWith(`config.${MARK_PREFIX}`));
  return others.length === 0 ? fields : others;
}

/**
 * Returns the differing rules, which are whole lines; the first few, unless all fields are wanted.
 */
function ruleLines(change: Change, { width, colors }: Style, options: PlanViewOptions): string[] {
  const rules = change.fields.map(({ after }) => printable(after ?? ""));
  const shown = options.everyField ? rules : rules.slice(0, SHOWN_RULES);
  const lines = shown.map((rule) => shortenLine(`      ${rule}`, width));
  const more = rules.length - shown.length;
  if (more > 0) {
    lines.push(colors.dim(`      and ${more} more; \`anklume check --fields\` shows them`));
  }
  return lines;
}

function paintOf(action: Action, { colors }: Style): (text: string) => string {
  switch (action) {
    case "create":
      return colors.green;
    case "update":
      return colors.yellow;
    case "replace":
    case "delete":
      return colors.red;
    case "no-op":
      return colors.dim;
  }
}

/** Returns a text such as `config.limits.cpu: 1 -> 2`, on separate lines if it is long. */
export function fieldLines(field: FieldChange, style: Style): string[] {
  const { width, colors } = style;
  const before = display(field.before);
  const after = display(field.after);
  const path = printable(field.path);
  const later = field.effect === "next-start";
  const consequence = later ? "  (at its next start)" : "";
  const note = later ? colors.dim(consequence) : "";
  const line = field.before === undefined
    ? `      ${path} = ${after}`
    : field.after === undefined
    ? `      ${path}: ${before} -> unset`
    : `      ${path}: ${before} -> ${after}`;
  if (line.length + consequence.length <= width) return [line + note];
  return [`      ${path}${note}`, ...valueLines(field, width, 8)];
}

function valueLines(field: FieldChange, width: number, indent: number): string[] {
  const pad = " ".repeat(indent);
  const lines: string[] = [];
  if (field.before !== undefined) {
    lines.push(shortenLine(`${pad}now    ${display(field.before)}`, width));
  }
  lines.push(
    shortenLine(
      `${pad}wanted ${field.after === undefined ? "unset" : display(field.after)}`,
      width,
    ),
  );
  return lines;
}

function display(value: string | undefined): string {
  if (value === undefined) return "unset";
  return value === "" ? '""' : printable(value);
}

function heldLines(plan: Plan, { colors, width }: Style): string[] {
  if (plan.held.length === 0) return [];
  const lines = [colors.bold("held back")];
  const said = new Set<string>();
  for (const { diagnostic } of plan.held) {
    lines.push(colors.yellow(hang("  x ", printable(diagnostic.summary), width)));
    for (const more of [diagnostic.detail, diagnostic.remedy]) {
      // A remedy that many resources share is printed once.
      if (more === undefined || said.has(more)) continue;
      said.add(more);
      lines.push(colors.dim(hang("      ", printable(more), width)));
    }
  }
  return lines;
}

function orphanLines(
  plan: Plan,
  { colors, width }: Style,
  { now }: PlanViewOptions,
): string[] {
  // With --prune they are among the changes, or held back.
  const dealtWith = new Set([...plan.changes, ...plan.held].map(({ addr }) => formatAddr(addr)));
  const orphans = plan.orphans.filter(({ addr }) => !dealtWith.has(formatAddr(addr)));
  if (orphans.length === 0) return [];
  const lines = [colors.bold("no longer in infra.yml")];
  for (const orphan of orphans) {
    const marks = [
      orphan.createdAt === undefined ? "" : ageText(orphan.createdAt, now),
      orphan.bytes === undefined ? "" : formatBytes(orphan.bytes),
      orphan.protected ? "protected" : "",
    ].filter((mark) => mark !== "");
    const note = marks.length === 0 ? "" : `  ${marks.join(", ")}`;
    lines.push(shortenLine(`  ? ${formatAddr(orphan.addr)}${note}`, width));
  }
  lines.push(
    hang(
      "  ",
      "The firewall still isolates them. `anklume apply --prune` removes them, protected ones " +
        "only with --force.",
      width,
    ),
  );
  return lines;
}

/** Returns `3 days old`, or the day of creation if the present time is unknown. */
function ageText(createdAt: string, now: number | undefined): string {
  const since = now === undefined ? NaN : now - Date.parse(createdAt);
  if (!(since >= 0)) return `made ${printable(createdAt.slice(0, 10))}`;
  const minutes = Math.floor(since / 60_000);
  if (minutes < 60) return `${count(minutes, "minute")} old`;
  if (minutes < 48 * 60) return `${count(Math.floor(minutes / 60), "hour")} old`;
  return `${count(Math.floor(minutes / 60 / 24), "day")} old`;
}
