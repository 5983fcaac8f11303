/** A place where a prober can be started: a machine, or the host. */
export interface Site {
  /** `host`, or the machine's name. */
  readonly name: string;
  /** Runs the prober until it ends or its input does; what it prints is handed on as it comes. */
  start(input: AsyncIterable<string>, onOutput: (text: string) => void): Promise<void>;
}

/** What one prober said, line by line; `fault`: why it said nothing. */
export interface Report {
  readonly lines: readonly string[];
  readonly fault?: string;
}

/** Longer than the prober itself waits for an address. */
const READY_MS = 30_000;

/**
 * Runs all probers at once. Nobody sends before all are ready to see what arrives; one that cannot be started is left
 * behind, and the others go on. `scripts` is each one's input up to, and without, `go`.
 */
export async function runProbers(
  sites: readonly Site[],
  scripts: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<Map<string, Report>> {
  const running = sites.map((site) => new Prober(site, scripts.get(site.name) ?? ""));
  const stop = () => running.forEach((each) => each.end());
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(running.map((each) => each.ready));
    for (const each of running) each.go();
    const reports = await Promise.all(
      running.map(async (each) => [each.site.name, await each.report()] as const),
    );
    signal?.throwIfAborted();
    return new Map(reports);
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

class Prober {
  /** Settles when it is ready, or when it never will be. */
  readonly ready: Promise<void>;
  readonly #input = new TransformStream<string, string>();
  readonly #writer = this.#input.writable.getWriter();
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #rest = "";
  #isReady: () => void = () => {};
  #fault: string | undefined;

  constructor(readonly site: Site, script: string) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#isReady = resolve;
    this.ready = promise;
    const timer = setTimeout(() => this.#fail("it did not start in time"), READY_MS);
    this.#ended = site.start(this.#input.readable, (text) => this.#take(text)).catch((error) => {
      this.#fail(error instanceof Error ? error.message : String(error));
    }).finally(() => {
      clearTimeout(timer);
      if (!this.#lines.includes("end")) this.#fail("it ended too early");
    });
    this.#write(`${script}ready?\n`);
  }

  go(): void {
    this.#write("go\n");
  }

  async report(): Promise<Report> {
    await this.#ended;
    return {
      lines: this.#lines,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    };
  }

  end(): void {
    this.#writer.close().catch(() => {});
  }

  #write(text: string): void {
    // Of one that is gone, its end tells.
    this.#writer.write(text).catch(() => {});
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#lines.push(...lines);
    if (lines.includes("ready")) this.#isReady();
    if (lines.includes("end")) this.end();
  }

  #fail(why: string): void {
    this.#fault ??= why;
    this.#isReady();
    this.end();
  }
}
