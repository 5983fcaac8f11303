/** A signal that is aborted by another one or by time, and says which. Dispose of it, or its timer stays. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  readonly expired: boolean;
}

/** `AbortSignal.any([signal, AbortSignal.timeout(ms)])` whose timer ends with the scope. */
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
