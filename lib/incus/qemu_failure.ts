/**
 * Shortens Incus's message about a QEMU that did not start. It contains the whole command line
 * (about 900 characters), then QEMU's own message, then the status (`driver_qemu.go`:
 * `Failed to run: ARGUMENTS: STDERR: ERROR`). A user needs only QEMU's message. Other texts are
 * returned unchanged. Incus's log of the machine contains the command line.
 */
export function qemuFirst(words: string): string {
  const found = FAILURE.exec(words);
  if (found === null) return words;
  const [, said = "", ended = ""] = found;
  return said === "" ? `${SILENT} (${ended})` : `${said} (${ended})`;
}

/** QEMU has not said why: it had already gone into the background. */
export const SILENT = "QEMU said nothing";

/** In the arguments, no colon is followed by a space. */
const FAILURE =
  /Failed to run: [\s\S]*?\/qemu-system-[\s\S]*?: (qemu-system-\w+: [\s\S]*?)?\s*: ([^:\n]+)$/;
