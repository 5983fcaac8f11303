/**
 * A signal that is aborted by another signal or by a timeout, and tells which. Dispose of it to
 * stop its timer.
 */
interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  readonly expired: boolean;
}

/** Like `AbortSignal.any([signal, AbortSignal.timeout(ms)])`, but its timer ends with the scope. */
export function deadline(ms: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, ms);
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    get expired(): boolean {
      return expired;
    },
    [Symbol.dispose](): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}
