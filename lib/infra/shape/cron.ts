import type { Problem } from "./names.ts";
import { shortenName } from "../words.ts";

interface CronField {
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly words?: readonly string[];
}

const FIELDS: readonly CronField[] = [
  { name: "minute", minimum: 0, maximum: 59 },
  { name: "hour", minimum: 0, maximum: 23 },
  { name: "day of the month", minimum: 1, maximum: 31 },
  {
    name: "month",
    minimum: 1,
    maximum: 12,
    words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  {
    name: "day of the week",
    minimum: 0,
    maximum: 6,
    words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  },
];
const LAST_DAY = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Checks a cron expression of five fields by the grammar of Incus's parser (github.com/robfig/cron,
 * standard parser). It accepts less than other libraries: no `L`, `W` or `#`, and Sunday is 0, not
 * 7.
 */
export function cronProblem(expression: string): Problem | undefined {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return {
      code: "INVALID_CRON",
      summary: `\`${shortenName(expression)}\` has ${parts.length} field${
        parts.length === 1 ? "" : "s"
      }; a cron expression has 5`,
      remedy: "write minute, hour, day, month, weekday: `0 2 * * *` is every night at 2",
    };
  }
  const sets: Set<number>[] = [];
  for (const [index, part] of parts.entries()) {
    const field = FIELDS[index]!;
    const set = parseField(part, field);
    if (typeof set === "string") {
      return {
        code: "INVALID_CRON",
        summary: `\`${shortenName(part)}\` is not a valid ${field.name}: ${set}`,
        remedy: "write minute, hour, day, month, weekday: `0 2 * * *` is every night at 2",
      };
    }
    sets.push(set);
  }
  const weekdayIsFree = parts[4] === "*" || parts[4] === "?";
  const comes = [...sets[3]!].some((month) =>
    [...sets[2]!].some((day) => day <= LAST_DAY[month - 1]!)
  );
  // If both day fields are restricted, one match is enough. So a restricted weekday always comes.
  if (comes || !weekdayIsFree) return undefined;
  return {
    code: "CRON_NEVER",
    summary: `\`${shortenName(expression)}\` names a date that never comes`,
    remedy: "choose a day that exists in that month",
  };
}

/** Returns the values that a field allows, or the mistake in it. */
function parseField(text: string, field: CronField): Set<number> | string {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const match =
      /^(?:([*?])|([0-9]{1,2}|[A-Za-z]{3})(?:-([0-9]{1,2}|[A-Za-z]{3}))?)(?:\/([0-9]{1,2}))?$/
        .exec(part);
    if (match === null) return "this is not a value, range, list or step";
    const [, star, firstText, lastText, stepText] = match;
    const step = stepText === undefined ? 1 : Number(stepText);
    if (step === 0) return "a step is at least 1";
    const first = star === undefined ? valueOf(firstText!, field) : field.minimum;
    const last = star !== undefined
      ? field.maximum
      : lastText !== undefined
      ? valueOf(lastText, field)
      // `5/10` means from 5 to the end.
      : stepText === undefined
      ? first
      : field.maximum;
    if (first === undefined || last === undefined) return "it has no such name";
    if (first < field.minimum || last > field.maximum) {
      return `it goes from ${field.minimum} to ${field.maximum}`;
    }
    if (first > last) return "the range is reversed";
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return values;
}

function valueOf(text: string, field: CronField): number | undefined {
  if (/^[0-9]+$/.test(text)) return Number(text);
  const index = field.words?.indexOf(text.toLowerCase()) ?? -1;
  return index === -1 ? undefined : index + field.minimum;
}
