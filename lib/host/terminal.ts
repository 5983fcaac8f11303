import { harmless, INK } from "../diag/terminal_text.ts";

/**
 * The three standard streams. Of text only newlines, tabs and colours of our own (see `INK`) reach them as such; every other
 * control character is written out, wherever the text came from. Output that nobody reads any more (`| head -1`) is dropped in silence: a half-read list is
 * no failure, and an apply whose reader went away must still finish. Any other failure to write is kept for the end.
 */
export class Terminal {
  #failure: Error | undefined;
  #closed = { out: false, err: false };

  get outIsTerminal(): boolean {
    return Deno.stdout.isTerminal();
  }

  get errIsTerminal(): boolean {
    return Deno.stderr.isTerminal();
  }

  get inIsTerminal(): boolean {
    return Deno.stdin.isTerminal();
  }

  /** Whether somebody can be asked: both a keyboard and a screen. */
  get interactive(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  }

  /** Columns of the screen; 80 where there is none, or one that does not know its size. */
  get columns(): number {
    return this.#size?.columns || 80;
  }

  /** Lines of the screen; 24 where there is none. */
  get rows(): number {
    return this.#size?.rows || 24;
  }

  /** Whether lines that were written can be drawn over again. */
  get canRedraw(): boolean {
    return this.outIsTerminal && Boolean(this.#size?.columns) && envVar("TERM") !== "dumb";
  }

  get #size(): { columns: number; rows: number } | undefined {
    try {
      return Deno.consoleSize();
    } catch {
      return undefined;
    }
  }

  /** The first failure to write, other than a reader that went away. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether nobody reads standard output any more. */
  get outClosed(): boolean {
    return this.#closed.out;
  }

  out(text: string): void {
    this.outBytes(encode(text));
  }

  err(text: string): void {
    this.errBytes(encode(text));
  }

  /** Another program's bytes as they are: it was asked for, and speaks to the terminal itself or to a pipe. */
  outBytes(bytes: Uint8Array): void {
    if (!this.#closed.out) this.#closed.out = !this.#write(Deno.stdout, bytes);
  }

  errBytes(bytes: Uint8Array): void {
    if (!this.#closed.err) this.#closed.err = !this.#write(Deno.stderr, bytes);
  }

  /** Draws over the last `rows` lines of the screen; see `canRedraw`. */
  redraw(rows: number, text: string): void {
    this.out(`${rows === 0 ? "" : `${INK}[${rows}F${INK}[J`}${text}`);
  }

  /** false: nothing more can be written there. */
  #write(stream: typeof Deno.stdout, bytes: Uint8Array): boolean {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += stream.writeSync(bytes.subarray(written));
      } catch (error) {
        // A pipe that some other program made non-blocking is merely full.
        if (error instanceof Deno.errors.WouldBlock) {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
          continue;
        }
        if (!(error instanceof Deno.errors.BrokenPipe)) {
          this.#failure ??= error instanceof Error ? error : new Error(String(error));
        }
        return false;
      }
    }
    return true;
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(harmless(text).replaceAll(INK, "\u001b"));
}

/** An environment variable; undefined where it is unset or the binary may not read it. */
export function envVar(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** Words after the program's name. */
export function programArgs(): string[] {
  return [...Deno.args];
}

/** Calls `listener` on Ctrl-C, `kill` and a terminal that goes away; the answer takes it off again. */
export function onInterrupt(listener: () => void): () => void {
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
  };
}

/** Ends the process; only `main.ts` and a second Ctrl-C do. */
export function exit(status: number): never {
  Deno.exit(status);
}

/** Absolute path of the workspace. */
export function workingDirectory(): string {
  return Deno.cwd();
}

/** The program itself; undefined where it is not one executable but runs from source. */
export function executablePath(): string | undefined {
  return Deno.build.standalone ? Deno.execPath() : undefined;
}
