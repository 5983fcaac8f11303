import { connectIncus, type IncusClient } from "../incus/incus_client.ts";
import type { FileContent } from "../incus/files.ts";
import { count, printable, size } from "../view/text.ts";
import { type CopySide, machineSide, type Placed, workspaceSide } from "./copy_side.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import { findOnHost } from "./machines.ts";
import type { Session } from "./session.ts";
import { UserError } from "./user_error.ts";
import { loadWorkspace, type Workspace } from "./workspace.ts";

export interface CopyOptions {
  readonly recursive?: true;
  readonly preserve?: true;
}

/** Copies between machines, or between a machine and the workspace, as `cp` would as root. */
export async function copy(
  from: string,
  to: string,
  options: CopyOptions,
  session: Session,
): Promise<ExitStatus> {
  const workspace = await loadWorkspace(session);
  if (workspace === undefined) return EXIT.wrongInput;
  const [source, target] = [parsePlace(from), parsePlace(to)];
  if (source.machine === undefined && target.machine === undefined) {
    throw new UserError(
      "Neither end is a machine",
      "Write MACHINE:/path for one of them; cp copies within the workspace",
    );
  }
  refuseItself(source, target);
  await using incus = await connectIncus({ signal: session.signal });
  const [sourceSide, targetSide] = [
    await sideOf(source, workspace, incus, session),
    await sideOf(target, workspace, incus, session),
  ];
  const first = await follow(sourceSide, source.path);
  if (first === undefined) {
    throw new UserError(`There is no ${printable(sourceSide.shown(source.path))}`);
  }
  if (first.content.type === "directory" && !options.recursive) {
    throw new UserError(`${from} is a directory`, "Copy all that is in it with --recursive");
  }
  const path = await landingPlace(targetSide, target, first.path, first.content);
  if (source.machine === target.machine) refuseItself(source, { ...target, path });
  const run = new CopyRun(sourceSide, targetSide, options, session);
  await run.copy(first.path, first.content, path);
  if (session.signal.aborted) return EXIT.interrupted;
  session.terminal.out(
    `Copied ${count(run.files, "file")} (${size(run.bytes)}) to ${
      printable(targetSide.shown(path))
    }\n`,
  );
  return run.left.length === 0 ? EXIT.done : EXIT.failed;
}

/** `machine:/path`, or a path of the workspace without a machine. */
interface Place {
  readonly machine?: string;
  readonly path: string;
  /** It ends with a slash: a directory is meant. */
  readonly directory: boolean;
}

/** @throws UserError */
export function parsePlace(text: string): Place {
  const found = /^([a-z0-9][a-z0-9-]*):(.*)$/s.exec(text);
  const directory = text.endsWith("/");
  if (found === null) {
    if (text.startsWith("/") || text.split("/").includes("..")) {
      throw new UserError(
        `${text} lies outside the workspace`,
        "anklume reads and writes only the directory it is started in; copy the file here first",
      );
    }
    const path = text.split("/").filter((name) => name !== "" && name !== ".").join("/");
    return { path: path === "" ? "." : path, directory: directory || path === "" };
  }
  const [, machine, path] = found;
  if (!path!.startsWith("/")) {
    throw new UserError(
      `${text}: a path in a machine begins with /`,
      `Write ${machine}:/root/${path}, for example`,
    );
  }
  const names = path!.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw new UserError(`${text}: write the path without ..`);
  return { machine: machine!, path: `/${names.join("/")}`, directory };
}

/** A file copied over itself would be emptied first, a directory into itself never end. */
function refuseItself(source: Place, target: Place): void {
  if (source.machine !== target.machine) return;
  if (target.path === source.path || target.path.startsWith(`${source.path}/`)) {
    throw new UserError(`${source.machine}:${source.path} cannot be copied into itself`);
  }
}

async function sideOf(
  { machine }: Place,
  workspace: Workspace,
  incus: IncusClient,
  { signal }: Session,
): Promise<CopySide> {
  if (machine === undefined) return workspaceSide();
  const { instance } = await findOnHost(incus, workspace, machine, signal);
  return machineSide(incus, instance.project, instance.name, signal);
}

/** What a person who names a symbolic link means; where it ends. */
async function follow(
  side: CopySide,
  path: string,
): Promise<{ path: string; content: FileContent } | undefined> {
  for (let hops = 0, at = path; hops < 40; hops++) {
    const content = await side.read(at);
    if (content?.type !== "symlink") return content && { path: at, content };
    at = resolveLink(at, content.target);
  }
  throw new UserError(`${printable(side.shown(path))} leads in a circle`);
}

function resolveLink(link: string, target: string): string {
  const names: string[] = [];
  for (const name of (target.startsWith("/") ? target : `${link}/../${target}`).split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** Into a directory that is there, else under the name that was given. */
async function landingPlace(
  side: CopySide,
  { path, directory }: Place,
  source: string,
  content: FileContent,
): Promise<string> {
  const found = await side.read(path);
  if (found?.type === "file") await found.body.cancel();
  const isDirectory = found?.type === "directory";
  if (found?.type === "file" && (directory || content.type === "directory")) {
    throw new UserError(`${side.shown(path)} is a file, not a directory`);
  }
  if (!isDirectory && !directory) return path;
  if (!isDirectory && content.type === "file") {
    throw new UserError(`There is no directory ${side.shown(path)}`);
  }
  if (!isDirectory) return path;
  return join(path, source.split("/").at(-1) || "root");
}

class CopyRun {
  files = 0;
  bytes = 0;
  /** What could not be copied and was left out. */
  readonly left: string[] = [];
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #options: CopyOptions;
  readonly #session: Session;

  constructor(source: CopySide, target: CopySide, options: CopyOptions, session: Session) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#session = session;
  }

  async copy(from: string, content: FileContent, to: string): Promise<void> {
    this.#session.signal.throwIfAborted();
    const placed = this.#placed(content);
    const counted = content.type === "file"
      ? { ...content, body: this.#count(content.body) }
      : content;
    if (!(await this.#target.write(to, counted, placed))) {
      this.#leave(from, "a symbolic link, which the workspace takes from no machine");
      return;
    }
    if (content.type !== "directory") {
      this.files++;
      return;
    }
    for (const name of content.names.toSorted()) {
      // A machine's own word: it must not lead elsewhere.
      if (name === "" || name === "." || name === ".." || name.includes("/")) {
        this.#leave(join(from, name), "no name of a file");
        continue;
      }
      const below = await this.#source.read(join(from, name));
      if (below !== undefined) await this.copy(join(from, name), below, join(to, name));
    }
  }

  /** Without --preserve as `cp` does it: root's, and no more rights than were there; set-id bits do not travel. */
  #placed({ mode, uid, gid }: FileContent): Placed {
    return this.#options.preserve ? { mode, uid, gid } : { mode: mode & 0o777, uid: 0, gid: 0 };
  }

  #count(
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    return body.pipeThrough(
      new TransformStream({
        transform: (chunk, controller) => {
          this.bytes += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    );
  }

  #leave(path: string, why: string): void {
    const { terminal, err } = this.#session;
    const shown = printable(this.#source.shown(path));
    this.left.push(shown);
    terminal.err(`${err.colors.yellow("Left out")}: ${shown} is ${why}.\n`);
  }
}

function join(directory: string, name: string): string {
  if (directory === ".") return name;
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}
