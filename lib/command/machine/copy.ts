import { FileError } from "../../host/file_error.ts";
import { connectIncus, type IncusClient } from "../../incus/incus_client.ts";
import { type FileContent, UntellableNameError } from "../../incus/files.ts";
import { printable } from "../../view/text.ts";
import { count, size } from "../../view/number_text.ts";
import { type CopySide, machineSide, type PlacedPath, workspaceSide } from "./copy_side.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findOnHost } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

interface CopyFlags {
  readonly recursive?: true;
  readonly preserve?: true;
}

/** Copies between machines, or between a machine and the workspace, as `cp` would as root. */
export async function copy(
  from: string,
  to: string,
  options: CopyFlags,
  session: Session,
): Promise<ExitStatus> {
  return await withWorkspace(session, {}, async (workspace) => {
    const [source, target] = [parsePlace(from, session.below), parsePlace(to, session.below)];
    if (source.machine === undefined && target.machine === undefined) {
      throw new UserError(
        "Neither the source nor the destination is a machine",
        "Write MACHINE:/path for one of them; cp copies within the workspace",
      );
    }
    refuseItself(source, target);
    await using incus = await connectIncus({ signal: session.signal });
    const [sourceSide, targetSide] = [
      await sideOf(source, workspace, incus, session),
      await sideOf(target, workspace, incus, session),
    ];
    const found = await sourceSide.resolve(source.path);
    const first = await readFirst(sourceSide, found);
    if (first === undefined) {
      throw new UserError(`${printable(sourceSide.shown(source.path))} does not exist`);
    }
    if (first.type === "directory" && !options.recursive) {
      throw new UserError(
        `${printable(sourceSide.shown(source.path))} is a directory`,
        "Copy it and everything in it with --recursive",
      );
    }
    const path = await landingPlace(targetSide, target, source.path, first);
    const within = source.machine === target.machine;
    if (within) {
      refuseItself({ ...source, path: found }, { ...target, path: await targetSide.resolve(path) });
    }
    const across = !within && source.machine !== undefined && target.machine !== undefined;
    const run = new CopyRun(sourceSide, targetSide, { within, across }, options, session);
    await run.copy(found, first, path);
    if (session.signal.aborted) return EXIT.interrupted;
    session.terminal.out(
      `Copied ${count(run.files, "file")} (${size(run.bytes)}) to ${
        printable(targetSide.shown(path))
      }\n`,
    );
    return run.left.length === 0 ? EXIT.done : EXIT.failed;
  });
}

/** `machine:/path`, or a path of the workspace without a machine. */
interface CopyPlace {
  readonly machine?: string;
  readonly path: string;
  /** The path ends with a slash: it means a directory. */
  readonly directory: boolean;
}

/**
 * Parses one end of a copy. A path of the workspace is relative to `below`, the directory of the
 * workspace in which the user is.
 * @throws UserError
 */
export function parsePlace(text: string, below = ""): CopyPlace {
  // An unset variable of a script, probably; the whole workspace is unlikely to be meant.
  if (text === "") throw new UserError("A path is empty", "Write . for the workspace itself");
  const found = /^([a-z0-9][a-z0-9-]*):(.*)$/s.exec(text);
  const directory = text.endsWith("/");
  if (found === null) {
    const path = pathBelow(text, below);
    if (path === undefined) {
      throw new UserError(
        `${text} is outside the workspace`,
        "anklume reads and writes only the workspace; copy the file into it first",
      );
    }
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

/** Returns a path from the workspace; undefined if it leads out of it. */
function pathBelow(text: string, below: string): string | undefined {
  if (text.startsWith("/")) return undefined;
  const names: string[] = [];
  for (const name of `${below}/${text}`.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) return undefined;
  }
  return names.join("/");
}

async function readFirst(side: CopySide, path: string): Promise<FileContent | undefined> {
  try {
    return await side.read(path);
  } catch (error) {
    if (!(error instanceof UntellableNameError)) throw error;
    throw new UserError(error.message, "Give it another name in the machine first");
  }
}

/**
 * Refuses to copy onto or into the source: a file would be emptied first, and a directory would
 * never end.
 */
function refuseItself(source: CopyPlace, target: CopyPlace): void {
  if (source.machine !== target.machine) return;
  if (isWithin(target.path, source.path)) {
    throw new UserError(
      `${source.machine}:${printable(source.path)} cannot be copied into itself`,
    );
  }
}

async function sideOf(
  { machine }: CopyPlace,
  workspace: Workspace,
  incus: IncusClient,
  { signal }: Session,
): Promise<CopySide> {
  if (machine === undefined) return workspaceSide();
  const { instance } = await findOnHost(incus, workspace, machine, signal);
  return machineSide(incus, instance.project, instance.name, signal);
}

/** Returns the destination: in the directory if there is one, otherwise under the given name. */
async function landingPlace(
  side: CopySide,
  { path: given, directory }: CopyPlace,
  source: string,
  content: FileContent,
): Promise<string> {
  const path = await side.resolve(given);
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

/** The relation of the two sides. */
interface Machines {
  /** Both sides are the same machine. */
  readonly within: boolean;
  /** The sides are two machines. */
  readonly across: boolean;
}

class CopyRun {
  files = 0;
  bytes = 0;
  /** Files that could not be copied and were left out. */
  readonly left: string[] = [];
  /** The root of the copied tree. */
  #root: string | undefined;
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #machines: Machines;
  readonly #options: CopyFlags;
  readonly #session: Session;

  constructor(
    source: CopySide,
    target: CopySide,
    machines: Machines,
    options: CopyFlags,
    session: Session,
  ) {
    this.#source = source;
    this.#target = target;
    this.#machines = machines;
    this.#options = options;
    this.#session = session;
  }

  /** `fresh`: nothing can exist at the destination. */
  async copy(from: string, content: FileContent, to: string, fresh = false): Promise<void> {
    this.#session.signal.throwIfAborted();
    this.#root ??= from;
    // A link at the destination may lead back here: writing would empty the file that is being
    // read.
    const mayMeet = this.#machines.within && !fresh;
    if (mayMeet && content.type === "file" && await this.#target.resolve(to) === from) {
      await content.body.cancel();
      this.#leave(from, "the destination itself");
      return;
    }
    const { within, across } = this.#machines;
    const found = !fresh && (within || across) ? await this.#target.kind(to) : undefined;
    if (across && found === "symlink" && content.type !== "symlink") {
      // An earlier copy may have created the link: one machine must not decide where the other one
      // is written to.
      if (content.type === "file") await content.body.cancel();
      const there = printable(this.#target.shown(to));
      this.#leave(from, `skipped because ${there} is a symbolic link, which is not followed`);
      return;
    }
    const below = fresh || (content.type === "directory" && found === undefined);
    const placed = this.#placed(content);
    const counted = content.type === "file"
      ? { ...content, body: this.#count(content.body) }
      : this.#relinked(from, content);
    if (!(await this.#target.write(to, counted, placed))) {
      this.#leave(from, "a symbolic link, which is never copied from a machine to the workspace");
      return;
    }
    if (content.type !== "directory") {
      this.files++;
      return;
    }
    // A machine with a file system of its own making may list a name twice: once for a link, once
    // for its target.
    for (const name of [...new Set(content.names)].toSorted()) {
      // The name comes from the machine: it must not lead elsewhere.
      if (name === "" || name === "." || name === ".." || name.includes("/")) {
        this.#leave(join(from, name), "not a valid file name");
        continue;
      }
      await this.#copyBelow(join(from, name), join(to, name), below);
    }
  }

  /** Copies one entry of a directory: an entry that cannot be read does not stop the others. */
  async #copyBelow(from: string, to: string, fresh: boolean): Promise<void> {
    let content: FileContent | undefined;
    try {
      content = await this.#source.read(from);
    } catch (error) {
      const why = whyUnread(error);
      if (why === undefined) throw error;
      return this.#leave(from, why);
    }
    // Incus reports names in UTF-8: it does not find a name in another encoding again.
    if (content === undefined) return this.#leave(from, "gone, or its name is not UTF-8");
    await this.copy(from, content, to, fresh);
  }

  /**
   * Makes the target of a link relative if it is in the copied tree: the new link then leads into
   * the copy. Incus reports where a link leads, not how that is written.
   */
  #relinked(from: string, content: FileContent): FileContent {
    if (content.type !== "symlink" || !isWithin(content.target, this.#root!)) return content;
    return { ...content, target: relativePath(from, content.target) };
  }

  /**
   * Without --preserve it is as with `cp`: the owner is root, with no more permissions than before.
   * Incus does not report set-id bits.
   */
  #placed({ mode, uid, gid }: FileContent): PlacedPath {
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

/** Returns why one file could not be read; undefined: the error is not about this file alone. */
function whyUnread(error: unknown): string | undefined {
  if (error instanceof UntellableNameError) {
    return "a file that Incus does not transfer: its name contains a control character";
  }
  if (!(error instanceof FileError)) return undefined;
  if (error.reason === "symlink") {
    return "a symbolic link, which is not followed in the workspace";
  }
  return error.reason === "not-a-file" ? "neither a file nor a directory" : undefined;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(join(directory, ""));
}

/** Returns `path` as a symbolic link at `from` writes it. Both are absolute. */
export function relativePath(from: string, path: string): string {
  const here = from.split("/").slice(1, -1);
  const there = path.split("/").slice(1).filter((name) => name !== "");
  const differs = here.findIndex((name, index) => name !== there[index]);
  const common = differs === -1 ? here.length : differs;
  return [...here.slice(common).map(() => ".."), ...there.slice(common)].join("/") || ".";
}

function join(directory: string, name: string): string {
  if (directory === ".") return name;
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}
