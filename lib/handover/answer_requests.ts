import {
  entryAt,
  listDirectory,
  readTextFile,
  removeEntry,
  removeFile,
  removeTree,
} from "../host/workspace_file.ts";
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

/** Carries one request out. @throws FirewallError, RefusedRuleset */
export type CarryOut = (request: HostRequest) => Promise<unknown>;

/** What was answered, for the unit's log. */
export interface Answered {
  readonly action: string;
  readonly outcome: string;
}

/** Older answers were read by nobody. */
const STALE_MS = 10 * 60_000;

/**
 * Answers what lies in the workspace, once. Everything in there is somebody else's word: names, types and sizes are looked
 * at before anything is read, and what is no request is removed, so that the unit does not start for it again.
 */
export async function answerRequests(carryOut: CarryOut, now: number): Promise<Answered[]> {
  const answered: Answered[] = [];
  const entries = listDirectory(REQUESTS);
  // A dot: still being written.
  const waiting = entries.filter(({ name }) => !name.startsWith(".")).slice(0, MAX_REQUESTS);
  for (const { name, kind } of waiting) {
    const path = `${REQUESTS}/${name}`;
    if (kind === "directory") {
      await removeTree(path);
      continue;
    }
    const request = kind === "file" && NAME.test(name) ? readRequest(path) : undefined;
    // Taken away first: a request is carried out once at most.
    await removeEntry(path);
    if (request === undefined) {
      answered.push({ action: "?", outcome: "no request: removed" });
      continue;
    }
    const answer = await answerTo(request, carryOut);
    answered.push({
      action: request.action,
      outcome: answer.ok ? "done" : `refused: ${answer.message}`,
    });
    await writeFileAtomic(`${ANSWERS}/${name}`, JSON.stringify(answer), {
      mode: 0o600,
      keepOwner: true,
    });
  }
  await forgetOldAnswers(now);
  return answered;
}

const NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json$/;

function readRequest(path: string): HostRequest | undefined {
  const entry = entryAt(path);
  if (entry?.kind !== "file" || entry.size > MAX_REQUEST_BYTES) return undefined;
  // Root of the admin container is root here; nobody else has a say, whoever owns the workspace.
  if (entry.uid !== 0) return undefined;
  try {
    return parseRequest(readTextFile(path));
  } catch {
    return undefined;
  }
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
      message: `The host refused the ruleset: ${message}`,
      remedy:
        "Nothing was loaded, and the rules that stood before still stand. Are both anklumes " +
        "of one version? The unit's log says more: journalctl -u 'anklume-handover-*'",
    };
  }
}

async function forgetOldAnswers(now: number): Promise<void> {
  for (const { name, kind } of listDirectory(ANSWERS)) {
    // A symbolic link is nothing that was put there by an answer, and no reason to end for.
    if (kind !== "file") continue;
    const entry = entryAt(`${ANSWERS}/${name}`);
    if (entry === undefined) continue;
    if (now - entry.modified > STALE_MS) await removeFile(`${ANSWERS}/${name}`);
  }
}
