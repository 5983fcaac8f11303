import { harmless, INK } from "../diag/terminal_text.ts";

/**
 * The three standard streams. In text, only newlines, tabs and anklume's own colours (see `INK`)
 * keep their effect. Every other control character is escaped, wherever the text came from. Output
 * that nobody reads any more (`| head -1`) is dropped without an error: a list that is read in part
 * is no failure, and an apply must still finish after its reader has gone. Any other write error is
 * kept for the end.
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

  /** True if the user can be asked: there are a keyboard and a screen. */
  get interactive(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  }

  /** Columns of the screen; 80 if there is no screen or its size is unknown. */
  get columns(): number {
    return this.#size?.columns || 80;
  }

  /** Lines of the screen; 24 if there is no screen or its size is unknown. */
  get rows(): number {
    return this.#size?.rows || 24;
  }

  /** True if lines that were written can be drawn again in place. */
  get canRedraw(): boolean {
    return this.outIsTerminal && Boolean(this.#size?.columns) && envVar("TERM") !== "dumb";
  }

  get #size(): { columns: number; rows: number } | undefined {
    // Deno would throw, which takes longer than to look.
    const streams = [Deno.stdout, Deno.stderr, Deno.stdin];
    if (!streams.some((stream) => stream.isTerminal())) return undefined;
    try {
      return Deno.consoleSize();
    } catch {
      return undefined;
    }
  }

  /** The first write error, other than a reader that has gone. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** True if nobody reads standard output any more. */
  get outClosed(): boolean {
    return this.#closed.out;
  }

  out(text: string): void {
    this.outBytes(encode(text));
  }

  err(text: string): void {
    this.errBytes(encode(text));
  }

  /**
   * Writes another program's bytes unchanged. The user asked for that program, and it talks to the
   * terminal itself or to a pipe.
   */
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

  /** Returns false if nothing more can be written to the stream. */
  #write(stream: typeof Deno.stdout, bytes: Uint8Array): boolean {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += stream.writeSync(bytes.subarray(written));
      } catch (error) {
        // The pipe is only full: another program made it non-blocking.
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

/** Returns an environment variable; undefined if it is unset or the binary may not read it. */
export function envVar(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** Returns the words after the program's name. */
export function programArgs(): string[] {
  return [...Deno.args];
}

/**
 * Calls `listener` on Ctrl-C, on `kill` and when the terminal goes away. Returns a function that
 * removes the listener.
 */
export function onInterrupt(listener: () => void): () => void {
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
  };
}

/** Ends the process. Only `main.ts` and a second Ctrl-C call this. */
export function exit(status: number): never {
  Deno.exit(status);
}

/** Returns the absolute path of the workspace. */
export function workingDirectory(): string {
  return Deno.cwd();
}

/** Returns the path of the executable; undefined when anklume runs from source. */
export function executablePath(): string | undefined {
  return Deno.build.standalone ? Deno.execPath() : undefined;
}
