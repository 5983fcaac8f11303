import { IncusError } from "./incus_error.ts";
import { apiPath } from "./path.ts";
import { SILENT } from "./qemu_failure.ts";
import type { Transport } from "./transport.ts";

/**
 * Incus repeats nothing of LXC's: `Failed to run: …/incusd forkstart NAME …: exit status 1`; 7.0
 * calls it `forklxc`.
 */
const FORKSTART = /^Failed to run: \S*incusd fork(?:start|lxc) [^]*: (exit status \d+)$/;
/** The longest log that is looked at. A start begins a new one. */
const LOG_BYTES = 256 * 1024;

/**
 * Returns the error of a start with the reason that LXC or QEMU has written into the machine's log:
 * without it, Incus only reports that a program ended. Any other error is returned unchanged.
 */
export async function explainStart(
  transport: Transport,
  project: string,
  name: string,
  error: IncusError,
): Promise<IncusError> {
  const { message } = error;
  const status = FORKSTART.exec(message)?.[1];
  const isSilent = message.startsWith(SILENT);
  if (status === undefined && !isSilent) return error;
  const log = await readLog(transport, project, name, isSilent ? "qemu.log" : "lxc.log");
  const reason = isSilent ? qemuReason(log) : lxcReason(log);
  if (reason === undefined) return error;
  return new IncusError(
    error.status,
    error.method,
    error.path,
    isSilent ? message.replace(SILENT, () => reason) : `${reason} (LXC, ${status})`,
  );
}

/**
 * Returns the first error, from which the others follow. Its format:
 * `lxc PROJECT_NAME TIME ERROR    utils - ../src/lxc/utils.c:lxc_drop_groups:1477 - WORDS`.
 */
export function lxcReason(log: string): string | undefined {
  return /^lxc .* ERROR +\S+ - \S+:\d+ - (.+)$/m.exec(log)?.[1];
}

/** Returns QEMU's last words: `qemu-system-x86_64: WORDS`. */
export function qemuReason(log: string): string | undefined {
  return [...log.matchAll(/^qemu-system-\w+: .+$/gm)].at(-1)?.[0];
}

/** Returns the text of a machine's log; empty if it cannot be read. */
async function readLog(
  transport: Transport,
  project: string,
  name: string,
  file: string,
): Promise<string> {
  let text = "";
  try {
    const path = apiPath`/1.0/instances/${name}/logs/${file}`;
    const { body } = await transport.stream("GET", path, { query: { project } });
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (text.length > LOG_BYTES) break;
    }
  } catch {
    // The error of the start is what counts.
  }
  return text;
}
