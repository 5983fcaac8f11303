import { ExpectedError } from "../diag/expected_error.ts";
import { CommandError } from "../host/command.ts";
import { ProgramNotRunError } from "../incus/exec_stream.ts";
import {
  IncusError,
  IncusTimeoutError,
  IncusUnreachableError,
  type UnreachableReason,
} from "../incus/incus_error.ts";
import { FileError } from "../host/file_error.ts";
import { envVar } from "../host/terminal.ts";
import { hang, printable } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";
import { UserError } from "./user_error.ts";
import { optional } from "../diag/optional.ts";

/** The error and the advice, a sentence each. */
interface Fault {
  readonly message: string;
  readonly remedy?: string;
  readonly status: ExitStatus;
}

/** Describes a thrown error on standard error and returns the exit status. */
export function reportFault(error: unknown, session: Session): ExitStatus {
  const { terminal, err, signal } = session;
  const fault = describeFault(error, signal);
  terminal.err(`${hang(err.colors.red("anklume: "), shown(fault.message), err.width)}\n`);
  if (fault.remedy !== undefined) {
    terminal.err(`${hang("         ", shown(fault.remedy), err.width)}\n`);
  }
  if (envVar("ANKLUME_DEBUG") && error instanceof Error) terminal.err(`${trace(error)}\n`);
  return fault.status;
}

/** Returns the words for every expected error; any other error is reported as a bug. */
export function describeFault(error: unknown, signal?: AbortSignal): Fault {
  if (signal?.aborted && isAbort(error)) {
    return { message: "Interrupted", status: EXIT.interrupted };
  }
  if (error instanceof UserError) return withRemedy(error, error.remedy, EXIT.wrongInput);
  if (error instanceof ExpectedError) return withRemedy(error, error.remedy, EXIT.failed);
  if (error instanceof FileError) return withRemedy(error, fileRemedy(error), EXIT.failed);
  if (error instanceof CommandError) return withRemedy(error, commandRemedy(error), EXIT.failed);
  if (error instanceof IncusUnreachableError) {
    return withRemedy(error, UNREACHABLE[error.reason], EXIT.failed);
  }
  if (error instanceof IncusTimeoutError) {
    return withRemedy(error, "Check the daemon's log: `journalctl -u incus`", EXIT.failed);
  }
  if (error instanceof ProgramNotRunError) {
    return { message: error.message, status: EXIT.failed };
  }
  if (error instanceof IncusError) {
    const { method, path, status, message } = error;
    return {
      message: `Incus refused ${method} ${path} with ${status}: ${message}`,
      status: EXIT.failed,
    };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    message: `This is a bug in anklume: ${message}`,
    remedy:
      "Please report it. With ANKLUME_DEBUG=1 the same command prints a trace; please include it",
    status: EXIT.failed,
  };
}

function withRemedy(error: Error, remedy: string | undefined, status: ExitStatus): Fault {
  return { message: error.message, ...optional({ remedy }), status };
}

function fileRemedy({ reason }: FileError): string | undefined {
  switch (reason) {
    case "read-only":
      return "Nothing was changed. Work in a directory where you can write";
    case "no-space":
      return "Free some space, then run the same command again";
    case "denied":
      return "Run anklume as the directory's owner, or as root";
    default:
      return undefined;
  }
}

const UNREACHABLE: Readonly<Record<UnreachableReason, string | undefined>> = {
  missing: "Install Incus, on Debian: `apt install incus`; then `incus admin init --minimal`",
  denied: "Run anklume as root, or as a member of the group incus-admin " +
    "(`adduser USER incus-admin`, then log in again)",
  refused: "Start the daemon: `systemctl start incus`",
  "not-granted": undefined,
  "not-incus": undefined,
  untrusted: "Run anklume as root, or as a member of the group incus-admin",
  closed: "Check the daemon's log: `journalctl -u incus`",
};

/** Debian's package of each program that anklume runs. */
const PACKAGES: Readonly<Record<string, string>> = {
  nft: "nftables",
  ip: "iproute2",
  sysctl: "procps",
  systemctl: "systemd",
  unshare: "util-linux",
};

function commandRemedy({ reason, argv }: CommandError): string | undefined {
  const program = argv[0] ?? "";
  const debian = PACKAGES[program];
  switch (reason) {
    case "missing":
      return debian === undefined ? undefined : `Install it, on Debian: apt install ${debian}`;
    case "not-granted":
      return `Put ${program} on the PATH, or run anklume as root`;
    default:
      return undefined;
  }
}

function isAbort(error: unknown): boolean {
  if (error instanceof CommandError) return error.reason === "interrupted";
  return error instanceof Error && error.name === "AbortError";
}

/**
 * Makes a text safe to print: a name in it may come from a machine and must not control the
 * terminal.
 */
function shown(text: string): string {
  return sentence(text).split("\n").map(printable).join("\n");
}

function sentence(text: string): string {
  const trimmed = text.trimEnd();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function trace(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${trace(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
