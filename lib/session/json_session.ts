import { Terminal } from "../host/terminal.ts";
import { endLine, type JsonLine } from "../view/json_lines.ts";
import type { ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";
import { optional } from "../diag/optional.ts";

/**
 * Keeps standard output for the JSON stream: text for people goes to standard error, and it never
 * prompts.
 */
class StreamTerminal extends Terminal {
  override get interactive(): boolean {
    return false;
  }

  override get canRedraw(): boolean {
    return false;
  }

  override get outIsTerminal(): boolean {
    return false;
  }

  override out(text: string): void {
    this.err(text);
  }

  line(line: JsonLine): void {
    super.out(`${JSON.stringify(line)}\n`);
  }
}

/**
 * Runs a verb. With `json`, its output is newline-delimited JSON: `session.emit` writes a line, and
 * the last line holds the exit status, even if the verb throws.
 */
export async function withJsonLines(
  json: true | undefined,
  session: Session,
  verb: (session: Session) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  if (json === undefined) return await verb(session);
  const terminal = new StreamTerminal();
  const emit = (line: JsonLine) => terminal.line(line);
  try {
    const status = await verb({ ...session, terminal, out: session.err, emit });
    emit(endLine(status));
    return status;
  } catch (error) {
    const { describeFault } = await import("./fault.ts");
    const { message, remedy, status } = describeFault(error, session.signal);
    emit({ type: "fault", message, ...optional({ remedy }) });
    emit(endLine(status));
    throw error;
  }
}
