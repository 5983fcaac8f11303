import { runCommand } from "./command.ts";

/** A process that holds a lock on a file, by the kernel's own list. */
export interface LockHolder {
  readonly pid: number;
  /** Its command name, at most 15 characters; what somebody chose. */
  readonly name: string;
  readonly isOurs: boolean;
  /** Whose it is. */
  readonly uid: number;
}

export function isProgramOfOurs({ isOurs }: LockHolder): boolean {
  return isOurs;
}

/**
 * Who holds a `flock` on the file of this inode; empty where nobody does or it may not be told. Not by what stands in the file:
 * anybody's number could stand there. Deno reads nothing below /proc, and Linux's names for devices differ between stat and the list on
 * btrfs, so the inode has to do.
 */
export async function readLockHolders(inode: number | null): Promise<LockHolder[]> {
  if (inode === null) return [];
  const { stdout } = await runCommand(["unshare", "sh", "-c", LIST, "sh", String(inode)], {
    timeoutMs: 5_000,
  }).catch(() => ({ stdout: "" }));
  const [own, ...lines] = stdout.split("\n");
  return lines.filter((line) => line !== "").map((line) => {
    const [pid = "", uid = "", ...name] = line.split(" ");
    const called = name.join(" ");
    const isOurs = called === own || called === "anklume";
    return { pid: Number(pid), uid: Number(uid), name: called, isOurs };
  }).filter(({ pid, name }) => pid > 0 && name !== "");
}

/** What the caller is called, then a process a line. `->` marks who waits; a pid of 0 is one of another namespace. */
const LIST = `
cat "/proc/$PPID/comm"
while read -r _ kind _ _ pid file _; do
  [ "$kind" = FLOCK ] && [ "\${file##*:}" = "$1" ] || continue
  uid=$(stat -c %u "/proc/$pid" 2>/dev/null) && read -r name <"/proc/$pid/comm" &&
    printf '%s %s %s\\n' "$pid" "$uid" "$name"
done </proc/locks
exit 0
`;
