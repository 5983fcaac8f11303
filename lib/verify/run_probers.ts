/** A place where a prober can be started: a machine, or the host. */
export interface Site {
  /** `host`, or the machine's name. */
  readonly name: string;
  /** Runs the prober until it ends or its input does; what it prints is handed on as it comes. */
  start(input: AsyncIterable<string>, onOutput: (text: string) => void): Promise<void>;
}

/** What one prober said, line by line; `fault`: why it said nothing. */
export interface ProbersReport {
  readonly lines: readonly string[];
  readonly fault?: string;
}

/** Longer than the prober itself waits for an address. */
const READY_MS = 30_000;
/** A prober says at most this, and so much more for each probe of the run: one answer and a few sightings. */
const MOST_CHARS = 64 * 1024;
const MOST_CHARS_PER_PROBE = 1_024;

/**
 * Runs all probers at once. Nobody sends before all are ready to see what arrives; one that cannot be started is left
 * behind, and the others go on. `scripts` is each one's input up to, and without, `go`; `probes` the number of all probes, from
 * which follows how much each may say: a machine's prober may be the machine's own.
 */
export async function runProbers(
  sites: readonly Site[],
  scripts: ReadonlyMap<string, string>,
  probes: number,
  signal?: AbortSignal,
): Promise<Map<string, ProbersReport>> {
  const most = MOST_CHARS + probes * MOST_CHARS_PER_PROBE;
  const running = sites.map((site) => new Prober(site, scripts.get(site.name) ?? "", most));
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
  #left: number;
  #isReady: () => void = () => {};
  #fault: string | undefined;

  constructor(readonly site: Site, script: string, most: number) {
    this.#left = most;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#isReady = resolve;
    this.ready = promise;
    const timer = setTimeout(() => this.#fail("it did not start in time"), READY_MS);
    this.#ended = site.start(this.#input.readable, (text) => this.#take(text)).catch((error) => {
      this.#fail(inShort(error instanceof Error ? error.message : String(error)));
    }).finally(() => {
      clearTimeout(timer);
      if (!this.#lines.includes("end")) this.#fail("it ended too early");
    });
    this.#write(`${script}ready?\n`);
  }

  go(): void {
    this.#write("go\n");
  }

  async report(): Promise<ProbersReport> {
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
    this.#left -= text.length;
    if (this.#left < 0) {
      this.#rest = "";
      return this.#fail("it says more than it was asked");
    }
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

const MOST_OF_A_FAULT = 200;

/** What a machine has to say of its failure is one line. */
function inShort(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.length <= MOST_OF_A_FAULT ? line : `${line.slice(0, MOST_OF_A_FAULT)}...`;
}
