import type { Infra } from "../../infra/infra.ts";
import { parseCidr } from "../../infra/ip.ts";
import type { Service } from "../../verify/probe.ts";
import { whyJson, whyText } from "../../view/why.ts";
import { askRules } from "./ask_rules.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { assertOnHost } from "../../live/host_side.ts";
import { readSurroundings } from "./surroundings.ts";
import { type EndContext, resolveEnds } from "./resolve_end.ts";
import type { Session } from "../../session/session.ts";
import type { TraceQuestion } from "./trace_stage.ts";
import { UserError } from "../../session/user_error.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

export interface WhyOptions {
  readonly json?: true;
}

/** Says what the live rules of the host do with a flow, and why. */
export async function networkWhy(
  from: string,
  to: string,
  service: string | undefined,
  options: WhyOptions,
  session: Session,
): Promise<ExitStatus> {
  const asked = service === undefined || service === "all" ? undefined : parseService(service);
  assertOnHost();
  return await withWorkspace(session, options, async (workspace) => {
    const { infra } = workspace;
    return await withLive(workspace, session, options, async (live) => {
      const { signal, terminal, out } = session;
      const around = await readSurroundings(infra, live.addressing, live.actual.resources, signal);
      const notes: string[] = [];
      const context: EndContext = { infra, live, around, notes };
      const missing = new Set(["NO_WAY_OUT", "INTERFACE_MISSING"]);
      for (const { code, summary } of [...workspace.warnings, ...live.warnings]) {
        if (missing.has(code)) notes.push(summary);
      }
      const questions: TraceQuestion[] = [];
      for (const version of versionsOf(from, to, infra)) {
        const ends = await resolveEnds(from, to, version, context).catch((error) => {
          // What has no IPv6 address was answered for IPv4.
          if (error instanceof UserError && questions.length > 0) return undefined;
          throw error;
        });
        if (ends === undefined) continue;
        const [source, target] = ends;
        const services = asked === undefined ? servicesBetween(infra, target) : [asked];
        questions.push(...services.map((each) => ({ from: source, to: target, service: each })));
      }
      const lines = await askRules(questions, { infra, live, signal });
      const why = {
        project: infra.projectName,
        firewall: live.actual.firewall.state,
        lines,
        notes,
      };
      terminal.out(options.json ? whyJson(why) : whyText(why, out));
      return lines.some(({ explanation }) => explanation.disagrees) ? EXIT.failed : EXIT.done;
    });
  });
}

/** An address says which family is meant; names mean both that the machines have. */
function versionsOf(from: string, to: string, { global }: Infra): readonly (4 | 6)[] {
  const addresses = [from, to].map(parseCidr).filter((each) => each !== undefined);
  if (addresses.length === 2 && addresses[0]?.version !== addresses[1]?.version) {
    throw new UserError(`\`${from}\` and \`${to}\` are of two families`, "Name two of one family");
  }
  const [first] = addresses;
  if (first !== undefined) return [first.version];
  const special = [from, to].some((each) => each === "outside" || each === "host");
  return global.ipv6 && !special ? [4, 6] : [4];
}

/** `631`, `631/tcp`, `tcp/631`, `icmp`. */
export function parseService(text: string): Service {
  if (text === "icmp") return { protocol: "icmp", port: 0 };
  const match = /^(?:(tcp|udp)\/)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  const port = Number(match?.[2]);
  const wrong = match === null || (match[1] !== undefined && match[3] !== undefined);
  if (wrong || port < 1 || port > 65_535) {
    throw new UserError(`\`${text}\` is no port`, "Write 631, 631/tcp, 53/udp, icmp or all");
  }
  return { protocol: (match[1] ?? match[3]) === "udp" ? "udp" : "tcp", port };
}

/** Where no port was asked for: one of each that policies name, or that are published, and one that none does. */
function servicesBetween({ policies, domains }: Infra, { place }: TraceQuestion["to"]): Service[] {
  const named = policies.flatMap(({ ports, protocol }): Service[] =>
    ports === "all" ? [] : ports.map(({ first }) => ({ protocol: protocol ?? "tcp", port: first }))
  );
  const published = place.kind !== "host" ? [] : domains.flatMap(({ machines }) => machines)
    .flatMap(({ publish }) => publish)
    .map(({ protocol, host }): Service => ({ protocol, port: host }));
  const all: Service[] = [
    ...named,
    ...published,
    { protocol: "tcp", port: 47_613 },
    { protocol: "icmp", port: 0 },
  ];
  return [...new Map(all.map((each) => [`${each.port}/${each.protocol}`, each])).values()];
}
