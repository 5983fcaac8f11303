import { createHash } from "node:crypto";
import { entryAt, fileKind, listDirectory, readPieces } from "../host/workspace_file.ts";
import type { EntryKind, RootOption } from "../host/workspace_path.ts";
import { type InjectedFact, injectedFacts } from "./injected_facts.ts";
import { type FileReads, fileReads } from "./file_reads.ts";
import { userText } from "./managed_section.ts";
import { optional } from "../diag/optional.ts";
import type { SyncPlan } from "./plan_sync.ts";

/** One file that Ansible may read. */
export interface ProvisionFile {
  /** SHA-256 of the content, in hex; `symlink` for a link, which is not followed. */
  readonly digest: string;
  /** Only for YAML files: their text shows which roles they name. */
  readonly text?: string;
  /** What it reads beside the variables of the machine itself. */
  readonly reads?: FileReads;
  /** Facts that it uses like variables. */
  readonly facts?: readonly InjectedFact[];
}

/** All files in the workspace that Ansible may read, by path. */
export type ProvisionFiles = ReadonlyMap<string, ProvisionFile>;

/** The directories beside a playbook that Ansible reads by default. */
const DIRECTORIES =
  /^(inventory|group_vars|host_vars|roles|playbooks|tasks|handlers|files|templates|vars|library|module_utils|\w+_plugins)$/;
const TOP_FILE = /^(ansible\.cfg|(?!(infra(\.lock)?|requirements)\.ya?ml$)[^.].*\.ya?ml)$/;
const OWN = [".anklume/roles", ".anklume/plugins"];

/**
 * Reads the files that Ansible may read, as they will be after the plan is written: `check` and
 * `apply` so get the same digest. Installed collections count by their manifests, which have the
 * checksums.
 */
export function readProvisionFiles(
  plan: SyncPlan,
  options: RootOption = {},
): ProvisionFiles {
  const found = new Map<string, ProvisionFile>();
  const planned = new Map(plan.entries.map((entry) => [entry.path, entry]));
  const add = (path: string, kind: EntryKind) => {
    if (kind === "directory") return walk(path);
    if (kind === "file" && !planned.has(path)) {
      const { size, modified } = entryAt(path, options) ?? { size: 0, modified: 0 };
      found.set(
        path,
        size > GIANT_BYTES ? giant(size, modified) : describeFile(path, readPieces(path, options)),
      );
    } else if (kind === "symlink") {
      found.set(path, { digest: "symlink" });
    }
  };
  const walk = (directory: string) => {
    for (const entry of listDirectory(directory, options)) {
      if (entry.name !== "__pycache__" && entry.name !== ".git") {
        add(`${directory}/${entry.name}`, entry.kind);
      }
    }
  };

  for (const { name, kind } of listDirectory(".", options)) {
    if (kind === "file" ? TOP_FILE.test(name) : DIRECTORIES.test(name)) add(name, kind);
  }
  for (const directory of OWN) walk(directory);
  addManifests(found, options);
  for (const { path, after } of plan.entries) {
    if (after !== undefined && isRead(path)) {
      found.set(path, describeFile(path, [new TextEncoder().encode(after)]));
    }
  }
  return found;
}

function isRead(path: string): boolean {
  const [top = "", ...rest] = path.split("/");
  if (rest.length === 0) return TOP_FILE.test(top);
  return DIRECTORIES.test(top) || OWN.some((directory) => path.startsWith(directory + "/"));
}

function addManifests(found: Map<string, ProvisionFile>, options: RootOption): void {
  const root = "collections/ansible_collections";
  for (const namespace of listDirectory(root, options)) {
    if (namespace.kind !== "directory") continue;
    for (const collection of listDirectory(`${root}/${namespace.name}`, options)) {
      const manifest = `${root}/${namespace.name}/${collection.name}/MANIFEST.json`;
      if (collection.kind === "directory" && fileKind(manifest, options) === "file") {
        found.set(manifest, describeFile(manifest, readPieces(manifest, options)));
      }
    }
  }
}

/** For example a disk image among a role's files: reading it in each check would take minutes. */
const GIANT_BYTES = 1024 ** 3;

function giant(size: number, modified: number): ProvisionFile {
  return { digest: createHash("sha256").update(`${size} ${modified}`).digest("hex") };
}

/** A larger file is no text that matters, and V8 has no strings of half a gigabyte. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** Describes a file that Ansible may read, from its bytes in one piece or several. */
export function describeFile(path: string, pieces: Iterable<Uint8Array>): ProvisionFile {
  const hash = createHash("sha256");
  const decoder = new TextDecoder();
  let text = /\.(ya?ml|j2|py|json|ini)$|\/[^.]+$|\/templates\//.test(path) ? "" : undefined;
  let length = 0;
  for (const piece of pieces) {
    hash.update(piece);
    length += piece.length;
    if (length > MAX_TEXT_BYTES) text = undefined;
    if (text !== undefined) text += decoder.decode(piece, { stream: true });
  }
  const digest = hash.digest("hex");
  if (text === undefined) return { digest };
  text += decoder.decode();
  const facts = injectedFacts(path, text);
  return {
    digest,
    ...(/\.ya?ml$/.test(path) ? { text } : {}),
    ...optional({ reads: fileReads(path, userText(text)) }),
    ...(facts.length > 0 ? { facts } : {}),
  };
}
