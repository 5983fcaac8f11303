/** The result of one run of the program. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program under test, by absolute path: the compiled binary, or its replacement. */
export const BIN = await Deno.realPath(Deno.env.get("ANKLUME_BIN") ?? "./anklume");

/** The repository, where the tests are started. */
export const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

export interface RunOptions {
  readonly cwd?: string;
  /** Added to a minimal environment: no NO_COLOR, no CI, and only this PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

const BARE = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", TERM: "xterm" };

/** Runs any program to its end. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Answer> {
  const [program = "", ...args] = argv;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { ...BARE, ...options.env },
    stdin: "null",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs `anklume ARGS`. */
export function anklume(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
  return run([BIN, ...args], options);
}

/** Runs a shell line in which `"$BIN"` is the program. */
export function shell(line: string, options: RunOptions = {}): Promise<Answer> {
  return run(["bash", "-c", line], { ...options, env: { ...options.env, BIN } });
}

/**
 * Like `shell`, in a separate mount namespace: its mounts end with it. `/var/lib` is an empty tmpfs
 * there, so the machine's Incus cannot be reached.
 */
export function inNamespace(line: string, options: RunOptions = {}): Promise<Answer> {
  const prepared = `mount -t tmpfs none /var/lib && mkdir -p /var/lib/incus && { ${line}\n}`;
  const env = { ...options.env, BIN };
  return run(["unshare", "--mount", "bash", "-c", prepared], { ...options, env });
}

/** Runs a test in a temporary workspace with this infra.yml. */
export async function withWorkspace(
  infra: string | undefined,
  test: (cwd: string) => Promise<void>,
): Promise<void> {
  const cwd = await Deno.makeTempDir({ prefix: "anklume-binary-" });
  try {
    await Deno.chmod(cwd, 0o755);
    if (infra !== undefined) await Deno.writeTextFile(`${cwd}/infra.yml`, infra);
    await test(cwd);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

/** One domain with one machine. */
export const SMALL = `project_name: small
global: { default_os_image: "local:anklume-test" }
domains:
  lab:
    machines:
      lab-one: {}
`;

/** True if the text looks like a stack trace, which no user may ever see. */
export function looksLikeATrace(text: string): boolean {
  return /^\s+at .+:\d+:\d+|Uncaught|\bat (async )?\w+ \(|file:\/\/|ext:/m.test(text);
}
