import { runCommand } from "./command.ts";

/** Standard input as it comes, piece by piece, until its end or until `signal` is aborted. */
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
 * Hands every key to whom we speak for, Ctrl-C included, and every byte of theirs to the screen as it is, until the answer
 * is called. Without a terminal on standard input it does nothing.
 */
export async function rawTerminal(): Promise<() => void> {
  if (!Deno.stdin.isTerminal()) return () => {};
  Deno.stdin.setRaw(true);
  // Deno leaves the output cooked: a line feed that only moves the cursor down would become a new line.
  await runCommand(["stty", "-opost"], { output: "inherit" }).catch(() => {});
  // Brings back how it was found, the output too.
  return () => Deno.stdin.setRaw(false);
}

/** Calls `listener` when the terminal's window changes its size; the answer takes it off again. */
export function onResize(listener: () => void): () => void {
  Deno.addSignalListener("SIGWINCH", listener);
  return () => Deno.removeSignalListener("SIGWINCH", listener);
}
