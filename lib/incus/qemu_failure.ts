/**
 * What Incus says of a QEMU that did not start is its whole command line, some 900 characters of it, then what QEMU said, then how it
 * ended (`driver_qemu.go`: `Failed to run: ARGUMENTS: STDERR: ERROR`). QEMU's own sentence is what a person needs. All else is left as
 * it is; the command line stands in Incus's log of the machine.
 */
export function qemuFirst(words: string): string {
  const found = FAILURE.exec(words);
  if (found === null) return words;
  const [, said = "", ended = ""] = found;
  return said === "" ? `QEMU said nothing (${ended})` : `${said} (${ended})`;
}

/** Among the arguments no colon is followed by a space. */
const FAILURE =
  /Failed to run: [\s\S]*?\/qemu-system-[\s\S]*?: (qemu-system-\w+: [\s\S]*?)?\s*: ([^:\n]+)$/;
