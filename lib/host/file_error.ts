/**
 * The reason why a file could not be read or written. `owner`: it belongs to another user, and
 * replacing it would take it away from them. `not-granted`: it is outside of the paths that the
 * binary was compiled for. `not-text`: it is not UTF-8, and writing it back would lose bytes.
 */
export type FileFailure =
  | "missing"
  | "read-only"
  | "no-space"
  | "symlink"
  | "denied"
  | "owner"
  | "not-granted"
  | "not-a-file"
  | "not-a-directory"
  | "not-text"
  | "bad-path"
  | "too-large"
  | "exchanged"
  | "not-private"
  | "other";

/**
 * A file that could not be read, written or removed. The message is a sentence that contains the
 * path.
 */
export class FileError extends Error {
  override readonly name = "FileError";
  /** The path as the caller gave it, not resolved. */
  readonly path: string;
  readonly reason: FileFailure;

  constructor(verb: FileVerb, path: string, reason: FileFailure, cause?: unknown) {
    const words = reason === "other" ? plainMessage(cause) : WORDS[reason];
    super(`Cannot ${verb} ${path}: ${words}`, { cause });
    this.path = path;
    this.reason = reason;
  }
}

export type FileVerb = "read" | "write" | "remove" | "list" | "lock";

const WORDS: Readonly<Record<Exclude<FileFailure, "other">, string>> = {
  "missing": "there is no such file",
  "read-only": "the file system is read-only",
  "no-space":
    "the disk is full, or the quota is used up; free some space and run the same command again",
  "symlink": "its path contains a symbolic link, and anklume follows none",
  "denied": "permission denied",
  "owner":
    "it belongs to another user and is private; run anklume as that user, or give it to the workspace's owner",
  "not-granted": "anklume reads and writes only the directory it is started in",
  "not-a-file": "it is not a regular file",
  "not-a-directory": "a part of its path is not a directory",
  "not-text": "it is not UTF-8 text",
  "bad-path": "the path leads out of the workspace",
  "too-large": "it is larger than 64 MiB, the limit for such files",
  "not-private": "it exists, and users other than root can change it; remove it",
  "exchanged": "it, or a directory above it, is being replaced at this moment; " +
    "or the owner of its directory may not read it",
};

const REASON_BY_CODE: Readonly<Record<string, FileFailure>> = {
  ENOENT: "missing",
  EROFS: "read-only",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  ELOOP: "symlink",
  EACCES: "denied",
  EPERM: "denied",
  EISDIR: "not-a-file",
  ENXIO: "not-a-file",
  ENOTDIR: "not-a-directory",
};

/** Returns the error as a `FileError`. A `FileError` is returned unchanged. */
export function toFileError(verb: FileVerb, path: string, cause: unknown): FileError {
  if (cause instanceof FileError) return cause;
  // NotCapable has no error code.
  if (cause instanceof Deno.errors.NotCapable) {
    return new FileError(verb, path, "not-granted", cause);
  }
  return new FileError(verb, path, REASON_BY_CODE[errorCode(cause) ?? ""] ?? "other", cause);
}

/** Returns the code, such as `ENOENT` or `EROFS`. Deno has no class for most of them. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * Returns the message without Deno's ending, which repeats the call and the path:
 * `(os error 36): open 'x'`.
 */
function plainMessage(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/ \(os error \d+\).*$/s, "");
}
