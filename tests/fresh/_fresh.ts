/**
 * A fresh machine (`scripts/fresh`), and what is left of it afterwards. These tests run on the
 * machine itself, as root. `scripts/test fresh`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";

export const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

export interface FreshRun {
  readonly code: number;
  /** Both streams. */
  readonly text: string;
}

/** A running `scripts/fresh`. */
export class FreshMachine {
  private constructor(
    readonly child: Deno.ChildProcess,
    private readonly said: { text: string },
    private readonly listening: Promise<unknown>,
  ) {}

  static start(...words: readonly string[]): FreshMachine {
    const child = new Deno.Command(`${REPOSITORY}/scripts/fresh`, {
      args: [...words],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = { text: "" };
    const listen = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) said.text += text;
    };
    return new FreshMachine(child, said, Promise.all([child.stdout, child.stderr].map(listen)));
  }

  /**
   * The name of its directory and its cgroups, which `scripts/fresh` makes of its release and its
   * process.
   */
  get name(): RegExp {
    return new RegExp(`-${this.child.pid}$`);
  }

  /** Waits until it has printed this. */
  async untilSaid(words: string): Promise<void> {
    await until(
      () => this.said.text.includes(words),
      () => `not said: ${words}\n${this.said.text}`,
    );
  }

  async end(): Promise<FreshRun> {
    const { code } = await this.child.status;
    await this.listening;
    return { code, text: this.said.text };
  }

  /** Asserts that nothing is left of an ended machine. */
  async expectNothingLeft(): Promise<void> {
    let left: string[] = [];
    await until(() => (left = this.left()).length === 0, () => `left behind:\n${left.join("\n")}`);
  }

  private left(): string[] {
    const named = (directory: string) =>
      names(directory).filter((each) => this.name.test(each)).map((each) => `${directory}/${each}`);
    const trees = [
      "/sys/fs/cgroup",
      ...names("/sys/fs/cgroup").map((each) => `/sys/fs/cgroup/${each}`),
    ];
    const mounts = Deno.readTextFileSync("/proc/mounts").split("\n")
      .filter((line) => line.split(/[ /,]/).some((word) => this.name.test(word)));
    return [...named("/var/tmp/anklume-fresh"), ...trees.flatMap(named), ...mounts];
  }
}

/** Runs a command on a fresh machine to its end; then nothing of it is left. */
export async function onFreshMachine(...words: readonly string[]): Promise<FreshRun> {
  const machine = FreshMachine.start(...words);
  const run = await machine.end();
  await machine.expectNothingLeft();
  return run;
}

/** Waits for a condition, at most a minute. */
export async function until(holds: () => boolean, complaint: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (holds()) return;
    await sleep(100);
  }
  assert.fail(complaint());
}

function names(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}
