import { mergeManaged } from "../../ansible/managed_section.ts";
import { readEmbedded } from "../../host/embedded_file.ts";
import { workingDirectory } from "../../host/terminal.ts";
import { fileKind } from "../../host/workspace_file.ts";
import { writeFileAtomic } from "../../host/write_file.ts";
import { schemaText } from "../../infra/shape/json_schema.ts";
import { printable } from "../../view/text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";

interface InitOptions {
  /** Relative to the current directory, and below it; undefined: the current directory. */
  readonly dir: string | undefined;
  readonly template: "minimal" | "workstation" | "classroom";
  /** An image reference that replaces the template's. */
  readonly image?: string;
}

/**
 * Creates a workspace from a template. Overwrites nothing: an existing file is kept, and an
 * existing infra.yml ends the verb.
 */
export async function init(options: InitOptions, session: Session): Promise<ExitStatus> {
  const { terminal } = session;
  const dir = normalize(options.dir ?? "");
  if (dir === undefined) {
    terminal.err(
      `anklume: ${printable(options.dir ?? "")} is not below the current directory, and ` +
        "anklume writes nowhere else.\n" +
        "Go to the directory where you want the workspace, and run `anklume init` there.\n",
    );
    return EXIT.wrongInput;
  }
  if (options.image !== undefined && !isImageRef(options.image)) {
    terminal.err(
      `anklume: ${printable(options.image)} is not an image reference.\n` +
        "Write remote:alias such as images:debian/13, or local:NAME for an image that Incus has.\n",
    );
    return EXIT.wrongInput;
  }
  for (const taken of ["infra.yml", "infra"]) {
    const path = join(dir, taken);
    if (fileKind(path) === undefined) continue;
    terminal.err(
      `anklume: ${path} exists already and is not changed.\n` +
        "Continue with `anklume validate`, or start elsewhere: `anklume init DIRECTORY`.\n",
    );
    return EXIT.wrongInput;
  }

  const template = readEmbedded(`examples/${options.template}/infra.yml`);
  const name = projectName(dir === "" ? workingDirectory() : dir);
  const files = new Map<string, string>([
    ["infra.yml", fillTemplate(template, name, options.image)],
    [".gitignore", gitignore()],
    [".anklume/schema.json", schemaText()],
  ]);
  const written: string[] = [];
  for (const [file, text] of files) {
    const path = join(dir, file);
    if (fileKind(path) !== undefined) continue;
    await writeFileAtomic(path, text);
    written.push(path);
  }
  terminal.out(`Wrote ${written.join(", ")}.\n`);
  const go = dir === "" ? "" : `\`cd ${dir}\`, `;
  terminal.out(
    `Next: ${go}read through infra.yml, then \`anklume check\` and \`anklume apply\`.\n`,
  );
  return EXIT.done;
}

/** Returns a template with the user's name and image in place of its own. */
export function fillTemplate(
  template: string,
  name: string | undefined,
  image: string | undefined,
): string {
  let text = template;
  if (name !== undefined) text = text.replace(/^project_name: .*$/m, `project_name: ${name}`);
  if (image !== undefined) {
    const line = `  default_os_image: ${JSON.stringify(image)}`;
    text = text.replace(/^ {2}default_os_image: .*$/m, () => line);
  }
  return text;
}

/**
 * Returns the last part of a path as a `project_name`; undefined if it cannot become a DNS label.
 */
export function projectName(path: string): string | undefined {
  const label = (path.split("/").at(-1) ?? "").toLowerCase()
    .replace(/[^a-z0-9]+/g, "-").slice(0, 32).replace(/^[^a-z]+|-+$/g, "");
  return label === "" ? undefined : label;
}

/**
 * True for `remote:alias`, or an alias or fingerprint, in the characters of Incus's own aliases.
 */
function isImageRef(text: string): boolean {
  return /^([a-zA-Z0-9._-]+:)?[a-zA-Z0-9][a-zA-Z0-9._/+-]*$/.test(text);
}

/**
 * Returns `./lab//a` as `lab/a` and the current directory as an empty text; undefined for a path
 * that leads out of it.
 */
function normalize(dir: string): string | undefined {
  if (dir.startsWith("/")) return undefined;
  const names = dir.split("/").filter((name) => name !== "" && name !== ".");
  return names.includes("..") ? undefined : names.join("/");
}

function join(dir: string, file: string): string {
  return dir === "" ? file : `${dir}/${file}`;
}

/** Returns the text that sync would write, so that the first sync finds it unchanged. */
function gitignore(): string {
  const merge = mergeManaged(undefined, ".anklume/\n", "lines");
  return merge.kind === "merged" ? merge.text : "";
}
