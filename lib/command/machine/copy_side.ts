import { FileError } from "../../host/file_error.ts";
import { entryAt, listDirectory, openFile } from "../../host/workspace_file.ts";
import { makeDirectory, writeFileAtomic } from "../../host/write_file.ts";
import { orMissing } from "../../incus/collection.ts";
import type { FileContent } from "../../incus/files.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import { printable } from "../../view/text.ts";
import { UserError } from "../../session/user_error.ts";

/** The mode and owner of a copied entry at the destination. */
export interface PlacedPath {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** One end of a copy: the files of a machine or of the workspace. */
export interface CopySide {
  /** Returns `pro-dev:/etc/hosts`, as a user writes it. */
  shown(path: string): string;
  /**
   * Returns the path with its symbolic links resolved, as far as it exists.
   * @throws UserError if it cannot lead anywhere
   */
  resolve(path: string): Promise<string>;
  /** Returns undefined if nothing is there. A symbolic link is returned as a link. */
  read(path: string): Promise<FileContent | undefined>;
  /** Returns the type of the entry without opening it; undefined if there is none. */
  kind(path: string): Promise<FileContent["type"] | undefined>;
  /** Returns false if this side does not accept such an entry. */
  write(path: string, content: FileContent, placed: PlacedPath): Promise<boolean>;
}

export function machineSide(
  incus: IncusClient,
  project: string,
  machine: string,
  signal: AbortSignal,
): CopySide {
  const files: MachineFiles = {
    shown: (path) => `${machine}:${path}`,
    info: (path) => incus.files.info(project, machine, path, { signal }),
    read: (path) => incus.files.read(project, machine, path, { signal }),
  };
  return {
    shown: files.shown,
    resolve: (path) => resolvePath(files, path),
    read: (path) => orMissing(files.read(path)),
    kind: async (path) => (await files.info(path))?.type,
    async write(path, content, placed) {
      await incus.files.write(project, machine, path, { ...content, ...placed }, { signal });
      return true;
    },
  };
}

/** Most symbolic links in a path, as in Linux. */
const HOPS = 40;

/** The files of one machine. */
interface MachineFiles {
  /** Returns the path as the user sees it. */
  shown(path: string): string;
  info(path: string): ReturnType<IncusClient["files"]["info"]>;
  read(path: string): ReturnType<IncusClient["files"]["read"]>;
}

async function resolvePath({ shown, info, read }: MachineFiles, path: string): Promise<string> {
  let ahead = path.split("/");
  let done: string[] = [];
  for (let hops = 0; ahead.length > 0;) {
    const name = ahead.shift()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    const at = `/${[...done, name].join("/")}`;
    const found = await info(at);
    if (found?.type !== "symlink") {
      if (found?.type !== "directory" && ahead.some((below) => below !== "" && below !== ".")) {
        throw new UserError(
          found === undefined
            ? `There is no directory ${printable(shown(at))}`
            : `${printable(shown(at))} is a file, not a directory`,
        );
      }
      done.push(name);
      continue;
    }
    const content = await read(at);
    if (content.type !== "symlink" || ++hops > HOPS) {
      throw new UserError(`${printable(shown(path))} is a loop of symbolic links`);
    }
    if (content.target.startsWith("/")) done = [];
    ahead = [...content.target.split("/"), ...ahead];
  }
  return `/${done.join("/")}`;
}

/**
 * The workspace: below the current directory, through no symbolic link. What is written belongs to
 * the owner of the workspace.
 */
export function workspaceSide(): CopySide {
  return {
    shown: (path) => path,
    // Reading and writing follow no symbolic link.
    resolve: (path) => Promise.resolve(path),
    async read(path) {
      if (path === ".") {
        return { type: "directory", names: namesIn("."), mode: 0o755, uid: 0, gid: 0 };
      }
      const entry = entryAt(path);
      if (entry === undefined) return undefined;
      const { mode } = entry;
      if (entry.kind === "directory") {
        return { type: "directory", names: namesIn(path), mode, uid: 0, gid: 0 };
      }
      if (entry.kind !== "file") throw new FileError("read", path, "not-a-file");
      return { type: "file", body: await openFile(path), mode, uid: 0, gid: 0 };
    },
    // Writing follows no symbolic link, whatever is there.
    kind: () => Promise.resolve(undefined),
    async write(path, content, { mode }) {
      switch (content.type) {
        case "file":
          await writeFileAtomic(path, content.body, { mode, unlocked: true });
          return true;
        case "directory":
          await makeDirectory(`${path}/x`);
          return true;
        // A machine must not leave a link in the workspace that leads out of it.
        case "symlink":
          return false;
      }
    },
  };
}

function namesIn(path: string): string[] {
  return listDirectory(path).map(({ name }) => name);
}
