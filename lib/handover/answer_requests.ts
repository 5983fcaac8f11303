import { FileError } from "../host/file_error.ts";
import { readOnce } from "../host/read_once.ts";
import { entryAt, fileKind, listDirectory } from "../host/workspace_file.ts";
import {
  makeFreshDirectory,
  moveEntry,
  removeEntry,
  removeFile,
  removeTree,
} from "../host/change_files.ts";
import type { RootOption } from "../host/workspace_path.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import { FirewallError } from "../nftables/firewall_error.ts";
import {
  ANSWERS,
  type HostAnswer,
  type HostRequest,
  MAX_REQUEST_BYTES,
  MAX_REQUESTS,
  MESSAGE_FORMAT,
  parseRequest,
  REQUESTS,
} from "./message.ts";

/**
 * Carries out one request.
 * @throws FirewallError, RefusedRuleset
 */
type CarryOut = (request: HostRequest) => Promise<unknown>;

/** One answer, for the unit's log. */
interface Answered {
  readonly action: string;
  readonly outcome: string;
}

/** Older answers were not fetched by anybody. */
const STALE_MS = 10 * 60_000;

/**
 * Answers the requests in the workspace, once. All content there is untrusted: names, types and
 * sizes are checked before anything is read. An entry that is no request is removed together with
 * its directory, so that the unit does not start for it again. Of more than `MAX_REQUESTS` the rest
 * is removed unread: systemd would stop starting the unit for so many.
 *
 * A writer there can replace a directory with a link at any moment. So nothing is removed or moved
 * by a name that the writer chose, except UUIDs: no file of the host has such a name.
 */
export async function answerRequests(
  carryOut: CarryOut,
  now: number,
  options: RootOption = {},
): Promise<Answered[]> {
  const answered: Answered[] = [];
  // A link's target is no place for requests, and is not read.
  const isPlace = fileKind(REQUESTS, options) === "directory";
  const entries = isPlace ? listDirectory(REQUESTS, options) : [];
  // A leading dot: still being written.
  const waiting = entries.filter(({ name }) => !name.startsWith("."));
  const requests = waiting.filter(({ name, kind }) => kind === "file" && NAME.test(name));
  for (const { name } of requests.slice(0, MAX_REQUESTS)) {
    const path = `${REQUESTS}/${name}`;
    const request = readRequest(path, options);
    // Removed first: a request is carried out at most once.
    await discard(path, options);
    if (request === undefined) {
      answered.push({ action: "?", outcome: "no request: removed" });
      continue;
    }
    const answer = await answerTo(request, carryOut);
    answered.push({
      action: request.action,
      outcome: answer.ok ? "done" : `refused: ${shown(answer.message)}`,
    });
    await writeFileAtomic(`${ANSWERS}/${name}`, JSON.stringify(answer), {
      ...options,
      mode: 0o600,
      keepOwner: true,
    });
  }
  for (const { name } of requests.slice(MAX_REQUESTS)) {
    await discard(`${REQUESTS}/${name}`, options);
  }
  // With no entry to start for, there may be a name that is no valid text, which is not listed.
  if (!isPlace || waiting.length > requests.length || waiting.length === 0) {
    await clearPlace(options);
  }
  const removed = waiting.length - Math.min(requests.length, MAX_REQUESTS);
  if (removed > 0) answered.push({ action: "?", outcome: `${removed} more, unread: removed` });
  await forgetOldAnswers(now, options);
  return answered;
}

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const NAME = new RegExp(`^${UUID}\\.json$`);
/** A request, finished or still being written. */
const KEPT = new RegExp(`^\\.?${UUID}\\.(?:json|tmp|part)$`);

async function discard(path: string, options: RootOption): Promise<void> {
  try {
    await removeEntry(path, options);
  } catch (error) {
    // The writer may have replaced it, or removed it. If it is still there, the unit is started for
    // it again.
    if (!(error instanceof FileError)) throw error;
  }
}

/**
 * Makes a new directory for requests, with those that came in the meantime or are still being
 * written.
 */
async function clearPlace(options: RootOption): Promise<void> {
  const aside = `${REQUESTS}.${crypto.randomUUID()}`;
  if (!moveEntry(REQUESTS, aside, options)) return;
  makeFreshDirectory(REQUESTS, options);
  if (fileKind(aside, options) !== "directory") return await discard(aside, options);
  for (const { name, kind } of listDirectory(aside, options)) {
    if (kind === "file" && KEPT.test(name)) {
      moveEntry(`${aside}/${name}`, `${REQUESTS}/${name}`, options);
    }
  }
  await removeTree(aside, options);
}

/**
 * Reads a request. Root of the admin container is root here; requests of other users are ignored,
 * whoever owns the workspace.
 */
function readRequest(path: string, { root = "." }: RootOption): HostRequest | undefined {
  const text = readOnce(`${root}/${path}`, { uid: 0, maxBytes: MAX_REQUEST_BYTES });
  return text === undefined ? undefined : parseRequest(text);
}

/** Makes a message safe for the unit's log: a refusal may quote the content of the request. */
function shown(message: string): string {
  return message.replace(/\p{C}/gu, "\uFFFD").slice(0, 500);
}

async function answerTo(request: HostRequest, carryOut: CarryOut): Promise<HostAnswer> {
  try {
    return { format: MESSAGE_FORMAT, ok: true, result: await carryOut(request) ?? null };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const base = { format: MESSAGE_FORMAT, ok: false } as const;
    if (error instanceof FirewallError) {
      return { ...base, fault: error.fault, message, remedy: error.remedy };
    }
    return {
      ...base,
      fault: "refused",
      message: `The host refused: ${message}`,
      remedy:
        "The previous rules are still in force. Do both anklumes have the same version? On the " +
        "host, in this workspace, `anklume network deploy` loads them without the admin " +
        "container; the unit's log: journalctl -u 'anklume-handover-*'",
    };
  }
}

async function forgetOldAnswers(now: number, options: RootOption): Promise<void> {
  for (const { name, kind } of listDirectory(ANSWERS, options)) {
    // A symbolic link was not made by an answer. It is skipped, and no reason to stop.
    if (kind !== "file" || !NAME.test(name)) continue;
    const entry = entryAt(`${ANSWERS}/${name}`, options);
    if (entry === undefined) continue;
    if (now - entry.modified > STALE_MS) await removeFile(`${ANSWERS}/${name}`, options);
  }
}
