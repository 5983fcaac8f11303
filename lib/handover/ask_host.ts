import { sleep } from "../host/clock.ts";
import { fileKind, readTextFileIfAny } from "../host/workspace_file.ts";
import { removeFile } from "../host/change_files.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import { FirewallError } from "../nftables/firewall_error.ts";
import { ANSWERS, type HostRequest, MESSAGE_FORMAT, parseAnswer, REQUESTS } from "./message.ts";

/** The host's unit is started for each request, and loads a ruleset of any size in a second. */
const PATIENCE_MS = 20_000;
const POLL_MS = 25;

const REMEDY =
  "On the host, in this workspace: `sudo anklume host install`, and `anklume host status`";

interface AskHostOptions {
  readonly signal?: AbortSignal | undefined;
  readonly patienceMs?: number;
}

/**
 * Hands a request to the host through the workspace and waits for the answer. No answer is a
 * failure: then nothing is started.
 *
 * @throws FirewallError with the host's message, or because there was no answer
 */
export async function askHost<Result>(
  request: Omit<HostRequest, "format"> & { readonly ruleset?: string },
  { signal, patienceMs = PATIENCE_MS }: AskHostOptions = {},
): Promise<Result> {
  if (fileKind(REQUESTS) !== "directory") {
    throw new FirewallError(
      "unanswered",
      "The firewall belongs to the host, and no unit there accepts rulesets from this container",
      REMEDY,
    );
  }
  const name = `${crypto.randomUUID()}.json`;
  await writeFileAtomic(
    `${REQUESTS}/${name}`,
    JSON.stringify({ ...request, format: MESSAGE_FORMAT }),
    { mode: 0o600, keepOwner: true },
  );
  try {
    for (const end = Date.now() + patienceMs; Date.now() < end;) {
      const text = readTextFileIfAny(`${ANSWERS}/${name}`);
      const answer = text === undefined ? undefined : parseAnswer(text);
      if (answer?.ok === true) return answer.result as Result;
      if (answer?.ok === false) {
        throw new FirewallError(answer.fault, answer.message, answer.remedy);
      }
      await sleep(POLL_MS, signal);
    }
  } finally {
    // No caller waits for it any more: it must not be carried out later.
    await removeFile(`${REQUESTS}/${name}`);
    await removeFile(`${ANSWERS}/${name}`);
  }
  throw new FirewallError(
    "unanswered",
    `The host's unit did not answer within ${patienceMs / 1000} s`,
    REMEDY,
  );
}
