/** What became of one machine in a run. */
export interface HostResult {
  readonly host: string;
  readonly ok: number;
  readonly changed: number;
  readonly failed: number;
  readonly unreachable: number;
  readonly skipped: number;
  /** Spent in its tasks. */
  readonly seconds: number;
}

export interface TaskFailure {
  readonly host: string;
  readonly kind: "failed" | "unreachable";
  readonly task: string;
  /** Ansible's own words; may have several lines. */
  readonly message: string;
}

/** A machine whose systemd runs, but not every unit of it. */
export interface Degraded {
  readonly host: string;
  /** Units that failed. */
  readonly units: readonly string[];
}

/** What the callback plugin `anklume_results` noted. */
export interface PlaybookResults {
  readonly hosts: ReadonlyMap<string, HostResult>;
  /** Of machines that failed in the end: a failure that was rescued or ignored is none. */
  readonly failures: readonly TaskFailure[];
  readonly degraded: readonly Degraded[];
  /** The run came to its end and every play had its turn. */
  readonly complete: boolean;
}

/** Reads the callback's JSON lines. A line that is cut short or odd counts as not written. */
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

/** Whether a machine failed; one that no play has reached yet has not. */
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
