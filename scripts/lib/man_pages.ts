/**
 * Writes the manual, one page per command, from the descriptions of `--help`: `man anklume`,
 * `man anklume-apply`, `man anklume-network-why`. `deno run … scripts/lib/man_pages.ts DIRECTORY`; the
 * date is $SOURCE_DATE_EPOCH's.
 */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import config from "../../deno.json" with { type: "json" };
import { createProgram } from "../../lib/command/program.ts";
import { createSession } from "../../lib/session/session.ts";
import { Terminal } from "../../lib/host/terminal.ts";

const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "done"],
  ["1", "something failed, or a test of the isolation failed"],
  ["2", "the input or the command line is wrong; nothing was changed"],
  ["3", "`check --exit-code`: apply would change something"],
  ["130", "interrupted by Ctrl-C"],
];

const FILES: readonly (readonly [string, string])[] = [
  ["infra.yml", "what you declare; `infra/` holds the same in several files"],
  ["infra.lock.yml", "the addresses that anklume assigned; commit it with `infra.yml`"],
  [".anklume/", "anklume's own files in this workspace"],
  ["/etc/anklume/", "the firewall that is loaded at boot, by anklume-firewall.service"],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["ANKLUME_WORKSPACE", "directory of the workspace, if `-C` is not given"],
  ["ANKLUME_INCUS_TIMEOUT", "seconds that a request to Incus may take"],
  ["ANSIBLE_VAULT_PASSWORD_FILE", "file with the password of Ansible's vault"],
  ["NO_COLOR, FORCE_COLOR", "never colours; always colours, also without a terminal"],
];

/** Escapes text for roff: nothing in it is a request, an escape or a typographic dash. */
function plain(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq")
    .replaceAll("^", "\\(ha").replaceAll("~", "\\(ti").replaceAll("`", "\\(ga")
    // Not every terminal can show it.
    .replaceAll("…", "...").replaceAll(/^\./gm, "\\&.");
}

/** The same for a sentence: text between backticks becomes bold. */
function prose(text: string): string {
  return text.split("`").map((part, index) => index % 2 === 1 ? bold(part) : plain(part)).join("");
}

function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

/** For values such as `name` in `--domain <name>`. */
function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

function tagged(rows: readonly (readonly [tag: string, text: string])[]): string[] {
  return rows.flatMap(([tag, text]) => [".TP", tag, text]);
}

function optionTag({ flags }: Option): string {
  return flags.replaceAll(
    /<([^>]*)>|[^<]+/g,
    (part, value?: string) => value === undefined ? bold(part) : italic(value),
  );
}

/** Returns the words that call a command: `anklume network why`. */
function nameOf(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function pageOf(command: CommandUnknownOpts): string {
  return nameOf(command).replaceAll(" ", "-");
}

/** Returns a command's visible subcommands, without `help`. */
function commandsOf(command: CommandUnknownOpts): readonly CommandUnknownOpts[] {
  return command.createHelp().visibleCommands(command).filter((each) => each.name() !== "help");
}

/**
 * Returns the examples, which the help prints after the options; commander does not expose them.
 */
function examplesOf(command: CommandUnknownOpts, printed: () => string): string {
  command.outputHelp();
  return printed().split("\nExamples:\n")[1]?.trimEnd() ?? "";
}

function seeAlso(command: CommandUnknownOpts): string {
  const near = command.parent === null ? [] : [
    command.parent,
    ...(command.parent.parent === null
      ? []
      : commandsOf(command.parent).filter((each) => each !== command)),
  ];
  return [
    ...near.map((each) => `${bold(pageOf(each))}(1)`),
    ...[["incus", 1], ["nft", 8], ["ansible-playbook", 1]].map(([name, section]) =>
      `${bold(String(name))}(${section})`
    ),
  ].join(",\n");
}

function renderPage(command: CommandUnknownOpts, date: string, printed: () => string): string {
  const name = nameOf(command);
  const page = pageOf(command);
  const isWhole = command.parent === null;
  const help = command.createHelp();
  const options = help.visibleOptions(command);
  const commands = commandsOf(command);
  const summary = isWhole
    ? "isolated domains on this host, described in one file"
    : command.summary();
  // A command may have two forms, one per line.
  const usage = command.usage().split("\n").map((line) =>
    line.replace(/^\s*anklume .*? (?=\[)/, "")
  );
  const lines = [
    `.TH ${plain(page.toUpperCase())} 1 ${date} "anklume ${config.version}" "anklume"`,
    // Not hyphenated and not justified: names of options stay as they are typed.
    ".nh",
    ".ad l",
    ".SH NAME",
    `${plain(page)} \\- ${plain(summary)}`,
    ".SH SYNOPSIS",
    ...usage.flatMap((line, index) => [
      ...(index === 0 ? [] : [".br"]),
      `${bold(name)} ${plain(line)}`,
    ]),
    ".SH DESCRIPTION",
    prose(command.description()),
    ...command.aliases().map((alias) => `It is also called ${bold(alias)}.`),
  ];
  const described = command.registeredArguments.filter(({ description }) => description !== "");
  if (described.length > 0) {
    lines.push(".SH ARGUMENTS");
    lines.push(...tagged(described.map((each) => [
      italic(help.argumentTerm(each)),
      prose(help.argumentDescription(each)),
    ])));
  }
  lines.push(".SH OPTIONS");
  lines.push(
    ...tagged(options.map((each) => [optionTag(each), prose(help.optionDescription(each))])),
  );
  if (commands.length > 0) {
    lines.push(".SH COMMANDS");
    lines.push(...tagged(commands.map((each) => [
      `${bold(pageOf(each))}(1)`,
      prose(each.summary()),
    ])));
  }
  if (isWhole) {
    lines.push(".SH FILES", ...tagged(FILES.map(([tag, text]) => [bold(tag), prose(text)])));
    lines.push(
      ".SH ENVIRONMENT",
      ...tagged(ENVIRONMENT.map(([tag, text]) => [bold(tag), prose(text)])),
    );
    lines.push(
      ".SH EXIT STATUS",
      ...tagged(EXIT_STATUS.map(([tag, text]) => [bold(tag), prose(text)])),
    );
  }
  lines.push(".SH EXAMPLES", ".nf", plain(examplesOf(command, printed)), ".fi");
  lines.push(".SH SEE ALSO", seeAlso(command));
  return `${lines.join("\n")}\n`;
}

function dateOf(epoch: string | undefined): string {
  const seconds = Number(epoch);
  if (epoch === undefined || !Number.isSafeInteger(seconds)) {
    throw new Error("SOURCE_DATE_EPOCH must be the time of the commit in seconds");
  }
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** A terminal that stores its output. */
class Paper extends Terminal {
  text = "";
  override get outIsTerminal(): boolean {
    return false;
  }
  override out(text: string): void {
    this.text += text;
  }
}

const [directory] = Deno.args;
if (directory === undefined) {
  console.error("usage: man_pages.ts DIRECTORY");
  Deno.exit(2);
}
const date = dateOf(Deno.env.get("SOURCE_DATE_EPOCH"));
const paper = new Paper();
const program = createProgram(
  createSession(paper, new AbortController().signal),
  () => {},
  undefined,
);
const open: CommandUnknownOpts[] = [program];
for (let command = open.pop(); command !== undefined; command = open.pop()) {
  const asked = command;
  const printed = () => {
    const { text } = paper;
    paper.text = "";
    return text;
  };
  const text = renderPage(asked, date, printed);
  await Deno.writeTextFile(`${directory}/${pageOf(asked)}.1`, text);
  for (const alias of asked.aliases()) {
    await Deno.writeTextFile(`${directory}/anklume-${alias}.1`, `.so man1/${pageOf(asked)}.1\n`);
  }
  open.push(...commandsOf(asked));
}
