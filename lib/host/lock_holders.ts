import { PATIENCE_MS, runCommand } from "./command.ts";

/** A process that holds a lock on a file, as listed by the kernel. */
export interface LockHolder {
  readonly pid: number;
  /** The command name, at most 15 characters. The process can choose it freely. */
  readonly name: string;
  readonly isOurs: boolean;
  /** The user id of the process's owner. */
  readonly uid: number;
}

export function isProgramOfOurs({ isOurs }: LockHolder): boolean {
  return isOurs;
}

/**
 * Returns the processes that hold a `flock` on the file with this inode; empty if there are none or
 * the kernel does not name them. The content of the file is not used, because it could name any
 * process. Deno reads nothing below /proc. On btrfs the device number of `stat` differs from that
 * in the kernel's list, so only the inode is compared.
 */
export async function readLockHolders(inode: number | null): Promise<LockHolder[]> {
  if (inode === null) return [];
  const { stdout } = await runCommand(["unshare", "sh", "-c", LIST, "sh", String(inode)], {
    timeoutMs: PATIENCE_MS,
  }).catch(() => ({ stdout: "" }));
  const [own, ...lines] = stdout.split("\n");
  return lines.filter((line) => line !== "").map((line) => {
    const [pid = "", uid = "", ...name] = line.split(" ");
    const called = name.join(" ");
    const isOurs = called === own || called === "anklume";
    return { pid: Number(pid), uid: Number(uid), name: called, isOurs };
  }).filter(({ pid, name }) => pid > 0 && name !== "");
}

/**
 * Prints the caller's command name, then one process per line. In /proc/locks, `->` marks a process
 * that waits, and pid 0 is a process of another namespace.
 */
const LIST = `
cat "/proc/$PPID/comm"
while read -r _ kind _ _ pid file _; do
  [ "$kind" = FLOCK ] && [ "\${file##*:}" = "$1" ] || continue
  uid=$(stat -c %u "/proc/$pid" 2>/dev/null) && read -r name <"/proc/$pid/comm" &&
    printf '%s %s %s\\n' "$pid" "$uid" "$name"
done </proc/locks
exit 0
`;
