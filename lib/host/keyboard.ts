import { runCommand } from "./command.ts";

/** Yields standard input piece by piece, until its end or until `signal` is aborted. */
export async function* readStandardInput(
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = Deno.stdin.readable.getReader();
  const stopped = new Promise<{ done: true; value: undefined }>((resolve) =>
    signal.addEventListener("abort", () => resolve({ done: true, value: undefined }), {
      once: true,
    })
  );
  while (!signal.aborted) {
    const { done, value } = await Promise.race([reader.read(), stopped]);
    if (done) return;
    yield value;
  }
}

/**
 * Switches the terminal to raw mode: every key, including Ctrl-C, goes to the program in the
 * machine, and every byte of its output goes to the screen unchanged. Returns a function that ends
 * this mode. Does nothing if standard input is not a terminal.
 */
export async function rawTerminal(): Promise<() => void> {
  if (!Deno.stdin.isTerminal()) return () => {};
  Deno.stdin.setRaw(true);
  // Deno does not change the output mode. A line feed that should only move the cursor down would
  // also return it to column 1.
  await runCommand(["stty", "-opost"], { output: "inherit" }).catch(() => {});
  // Restores the previous mode, including that of the output.
  return () => Deno.stdin.setRaw(false);
}

/**
 * Calls `listener` when the size of the terminal's window changes. Returns a function that removes
 * the listener.
 */
export function onResize(listener: () => void): () => void {
  Deno.addSignalListener("SIGWINCH", listener);
  return () => Deno.removeSignalListener("SIGWINCH", listener);
}
