import { optional } from "../diag/optional.ts";
/** A place where a prober can be started: a machine, or the host. */
export interface Site {
  /** `host`, or the machine's name. */
  readonly name: string;
  /** Runs the prober until it or its input ends; passes its output on as it comes. */
  start(input: AsyncIterable<string>, onOutput: (text: string) => void): Promise<void>;
}

/** The output of one prober, by line; `fault`: why there is none. */
export interface ProbersReport {
  readonly lines: readonly string[];
  readonly fault?: string;
}

/** Longer than the prober itself waits for an address. */
const READY_MS = 30_000;
/**
 * A prober may print at most this, plus the next number for each probe of the run: one answer and a
 * few sightings.
 */
const MOST_CHARS = 64 * 1024;
const MOST_CHARS_PER_PROBE = 1_024;

/**
 * Runs all probers at once. No prober sends before all are ready to see arrivals. One that cannot
 * be started is left out, and the others go on. `scripts` holds each one's input, up to `go` and
 * without it. `probes` is the number of all probes, which limits the output of each: a machine may
 * have replaced its prober.
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
  /** Settles when it is ready, or has failed. */
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
      ...optional({ fault: this.#fault }),
    };
  }

  end(): void {
    this.#writer.close().catch(() => {});
  }

  #write(text: string): void {
    // If the prober is gone, `#ended` reports it.
    this.#writer.write(text).catch(() => {});
  }

  #take(text: string): void {
    this.#left -= text.length;
    if (this.#left < 0) {
      this.#rest = "";
      return this.#fail("it gives more answers than requested");
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

/** Shortens a machine's error message to one line. */
function inShort(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.length <= MOST_OF_A_FAULT ? line : `${line.slice(0, MOST_OF_A_FAULT)}...`;
}
