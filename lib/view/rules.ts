import { createTwoFilesPatch } from "diff";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";
import type { View } from "./view.ts";

/** The live ruleset, with the domains and policies in it. */
interface Rules {
  readonly project: string;
  readonly state: string;
  readonly differences: readonly string[];
  readonly domains: readonly {
    readonly domain: string;
    readonly bridge: string;
    readonly subnet: string;
  }[];
  readonly policies: readonly {
    readonly id: string;
    readonly text: string;
    readonly place: string;
  }[];
  /** As nft lists them; empty if there is none. */
  readonly tables: readonly { readonly name: string; readonly text: string }[];
}

const STATES: Readonly<Record<string, string>> = {
  "in-place": "as rendered",
  different: "NOT as rendered: see `anklume network rules --diff`",
  missing: "NOT LOADED: the domains are open; `anklume network deploy` loads them",
  unknown: "unknown",
};

/** Returns a text that nft can read again: anklume's additions are comments. */
function rulesText(rules: Rules, { colors }: Style): string {
  const note = (text: string) => colors.dim(`# ${text}`);
  const lines = [
    note(`The live rules of ${rules.project}, ${STATES[rules.state] ?? rules.state}`),
    ...rules.domains.map(({ domain, bridge, subnet }) => note(`${bridge}  ${domain}  ${subnet}`)),
    ...rules.policies.map(({ id, text, place }) => note(`${id}  ${text}  (${place})`)),
  ];
  const texts = new Map(rules.policies.map(({ id, text }) => [id, text]));
  const tables = rules.tables.filter(({ text }) => text !== "").map(({ text }) =>
    text.split("\n").map((line) => annotated(line, texts, note)).map((line) =>
      painted(line, colors)
    )
      .join("\n")
  );
  return `${[...lines, "", ...tables].join("\n").trimEnd()}\n`;
}

/**
 * Adds a policy's description beside its element: one element on each line, as `nft -f` reads it
 * too.
 */
function annotated(
  line: string,
  texts: ReadonlyMap<string, string>,
  note: (text: string) => string,
): string {
  if (!/comment "policy-\d+"/.test(line)) return line;
  const head = /^\s*(?:elements = \{ )?/.exec(line)?.[0] ?? "";
  const indent = "\t\t\t";
  return line.slice(head.length).split(/(?<=[,}])\s+/).map((each, i) => {
    const id = /comment "(policy-\d+)"/.exec(each)?.[1];
    const text = id === undefined ? undefined : texts.get(id);
    return `${i === 0 ? head : indent}${each}${text === undefined ? "" : `  ${note(text)}`}`;
  }).join("\n");
}

function painted(line: string, colors: Style["colors"]): string {
  if (/^\t(chain|set|map) |^table /.test(line)) return colors.bold(line);
  if (/\bdrop$/.test(line)) return colors.red(line);
  return /\baccept$/.test(line) ? colors.green(line) : line;
}

interface ComparedRules extends Rules {
  /** The rendered tables, as nft lists them. */
  readonly expected: string;
}

/** Returns the unified diff of rendered and live rules, with sorted elements, one on each line. */
function rulesDiff({ expected, ...rules }: ComparedRules, { colors }: Style): string {
  if (rules.state === "missing") {
    return `${colors.red(`${rules.differences.join("\n")}`)}\n`;
  }
  const live = rules.tables.map(({ text }) => text).join("");
  const [before, after] = [normal(expected), normal(live)];
  if (before === after) {
    return colors.green(`The live rules of ${rules.project} are as rendered.\n`) +
      // The table is loaded, but would not be after a reboot.
      rules.differences.map((each) => `${colors.red(printable(each))}\n`).join("");
  }
  const patch = createTwoFilesPatch("rendered", "live", before, after, undefined, undefined, {
    context: 2,
  });
  return patch.split("\n").slice(1).map((line) => {
    if (/^(---|\+\+\+)/.test(line)) return colors.bold(line);
    if (line.startsWith("+")) return colors.red(line);
    if (line.startsWith("-")) return colors.yellow(line);
    return line.startsWith("@@") ? colors.cyan(line) : line;
  }).join("\n");
}

/** Sorts the elements of sets: the kernel lists them in an order of its own. */
function normal(listing: string): string {
  return listing.replaceAll(/elements = \{([^}]*)\}/g, (_, list: string) => {
    const elements = list.split(",").map((each) => each.trim()).filter((each) => each !== "");
    return `elements = {\n${elements.sort().map((each) => `\t\t\t${each}`).join("\n")}\n\t\t}`;
  }).replaceAll(
    /\{ ([^{}\n]*) \}/g,
    (_, list: string) => `{ ${list.split(", ").toSorted().join(", ")} }`,
  );
}

function rulesJson({ project, state, differences, domains, policies, tables }: Rules): string {
  return jsonText({ format: 1, project, state, differences, domains, policies, tables });
}

/** `network rules` */
export const rulesView: View<Rules> = { text: rulesText, json: rulesJson };

/** `network rules --diff` */
export const rulesDiffView: View<ComparedRules> = { text: rulesDiff, json: rulesJson };
