/** The result of one machine in a run. */
export interface HostResult {
  readonly host: string;
  readonly ok: number;
  readonly changed: number;
  readonly failed: number;
  readonly unreachable: number;
  readonly skipped: number;
  /** Time spent in its tasks. */
  readonly seconds: number;
}

export interface TaskFailure {
  readonly host: string;
  readonly kind: "failed" | "unreachable";
  readonly task: string;
  /** Ansible's own message; may have several lines. */
  readonly message: string;
}

/** A machine that runs with some failed systemd units. */
export interface Degraded {
  readonly host: string;
  /** Units that failed. */
  readonly units: readonly string[];
}

/** The results that the callback plugin `anklume_results` wrote. */
export interface PlaybookResults {
  readonly hosts: ReadonlyMap<string, HostResult>;
  /** Failures of machines that failed in the end, without those rescued or ignored. */
  readonly failures: readonly TaskFailure[];
  readonly degraded: readonly Degraded[];
  /** The run finished, and each play was run. */
  readonly complete: boolean;
}

/** Reads the callback's JSON lines. A cut or malformed line is ignored. */
export function parseResults(text: string): PlaybookResults {
  const hosts = new Map<string, HostResult>();
  const failures: TaskFailure[] = [];
  const degraded: Degraded[] = [];
  let complete = false;
  for (const line of text.split("\n").map(parseLine)) {
    if (line === undefined || typeof line["host"] !== "string" && line["type"] !== "end") continue;
    const host = String(line["host"]);
    const count = (name: string) => typeof line[name] === "number" ? line[name] : 0;
    switch (line["type"]) {
      case "host":
        hosts.set(host, {
          host,
          ok: count("ok"),
          changed: count("changed"),
          failed: count("failed"),
          unreachable: count("unreachable"),
          skipped: count("skipped"),
          seconds: count("seconds"),
        });
        break;
      case "failed":
      case "unreachable":
        failures.push({
          host,
          kind: line["type"],
          task: String(line["task"] ?? ""),
          message: String(line["message"] ?? ""),
        });
        break;
      case "degraded":
        degraded.push({
          host,
          units: Array.isArray(line["units"]) ? line["units"].map(String) : [],
        });
        break;
      case "end":
        complete = line["stopped"] === false;
    }
  }
  const isBad = (name: string) => {
    const host = hosts.get(name);
    return host === undefined || hasFailed(host);
  };
  return {
    hosts,
    failures: failures.filter((failure) => isBad(failure.host)),
    degraded,
    complete,
  };
}

/** True if a machine failed; false if no play has reached it yet. */
export function hasFailed(host: HostResult | undefined): boolean {
  return host !== undefined && (host.failed > 0 || host.unreachable > 0);
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
