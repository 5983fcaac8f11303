import { type Degraded, hasFailed, type HostResult, type TaskFailure } from "./playbook_results.ts";
import { type PlaybookOptions, type PlaybookRun, runPlaybook } from "./run_playbook.ts";

/** The result of provisioning. */
export interface ProvisionReport {
  /** `failed` also if Ansible stopped before it tried any machine. */
  readonly status: "done" | "failed" | "interrupted";
  /** Machines where each play ran and none failed, sorted: these may be marked. */
  readonly succeeded: readonly string[];
  /** The others, sorted: failed, unreachable or never reached. */
  readonly failed: readonly string[];
  readonly hosts: readonly HostResult[];
  readonly failures: readonly TaskFailure[];
  /** Machines that run in systemd's state `degraded`. */
  readonly degraded: readonly Degraded[];
  /** Ansible's own message if no machine was tried. */
  readonly stderr: string;
}

/**
 * Provisions machines with `site.yml`.
 *
 * If all hosts of one play fail, Ansible drops the later plays, although they are for other
 * machines too. The playbook is then run again for those machines, until no play was dropped. A run
 * limited by tags does not cover the rest, so no machine is in `succeeded` then.
 */
export async function provision(options: PlaybookOptions): Promise<ProvisionReport> {
  const wanted = [...new Set(options.limit)].sort();
  const hosts = new Map<string, HostResult>();
  const failures: TaskFailure[] = [];
  const degraded = new Map<string, Degraded>();
  let left: readonly string[] = wanted;
  let run: PlaybookRun;
  for (;;) {
    run = await runPlaybook({ ...options, limit: left });
    for (const host of run.hosts.values()) hosts.set(host.host, host);
    for (const each of run.degraded) degraded.set(each.host, each);
    failures.push(...run.failures);
    const sound = left.filter((name) => !hasFailed(run.hosts.get(name)));
    // No machine has dropped out: another run would end the same way.
    const done = run.interrupted || run.complete || sound.length === left.length;
    left = sound;
    if (done || left.length === 0) break;
  }
  const whole = (options.tags ?? []).length + (options.skipTags ?? []).length === 0;
  const passed = run.complete && !run.interrupted ? left.filter((name) => run.hosts.has(name)) : [];
  // With tags a machine may have had no task: only a failure counts then.
  const failed = wanted.filter((name) =>
    whole ? !passed.includes(name) : hasFailed(hosts.get(name))
  );
  return {
    status: run.interrupted
      ? "interrupted"
      : failed.length > 0 || run.code !== 0
      ? "failed"
      : "done",
    succeeded: whole ? passed : [],
    failed,
    hosts: [...hosts.values()].sort((a, b) => a.host < b.host ? -1 : 1),
    failures,
    degraded: [...degraded.values()],
    stderr: hosts.size === 0 ? run.stderr : "",
  };
}
