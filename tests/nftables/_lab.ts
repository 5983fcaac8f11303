import { setTimeout as sleep } from "node:timers/promises";
import { tableName } from "../../lib/nftables/ruleset.ts";
import { bytes, ip4Bytes } from "./_frames.ts";
import type { BuiltInfra } from "./_infra.ts";

/** The result of a probe: our address as the other end saw it, or why nothing came back. */
export interface Answer {
  readonly seen?: string;
  readonly error?: string;
}

interface Reply extends Answer {
  readonly frames?: string[];
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/**
 * Seconds to wait for a refused packet; an allowed one on these veth pairs takes a millisecond.
 * LAB_PATIENCE gives more on a busy machine.
 */
export const REFUSED_AFTER = Number(Deno.env.get("LAB_PATIENCE") ?? 0.4);

/** A network namespace with `agent.py` in it. */
export class Agent implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #reading: Promise<void>;
  #next = 1;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts a namespace that ends with its agent; the agent ends with the test's process. */
  static async start(): Promise<Agent> {
    const child = new Deno.Command("unshare", {
      args: ["--net", "python3", `${import.meta.dirname}/agent.py`],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const agent = new Agent(child);
    await agent.run("ip", "link", "set", "lo", "up");
    return agent;
  }

  /** The pid of a process in the namespace: `unshare` replaces itself by the agent. */
  get pid(): number {
    return this.#child.pid;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const reply = JSON.parse(line) as Reply & { id: number };
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      }
    }
  }

  async ask(op: string, request: Record<string, unknown> = {}): Promise<Reply> {
    const id = this.#next++;
    const reply = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    const line = JSON.stringify({ id, op, ...request }) + "\n";
    await this.#writer.write(new TextEncoder().encode(line));
    return await reply;
  }

  /** Runs a program in the namespace; throws if it fails. */
  async run(...argv: string[]): Promise<string> {
    const { code, stdout = "", stderr = "" } = await this.ask("run", { argv });
    if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Loads an nft script in the namespace. */
  async nft(script: string): Promise<void> {
    const { code, stderr = "" } = await this.ask("run", {
      argv: ["nft", "-f", "-"],
      stdin: script,
    });
    if (code !== 0) throw new Error(stderr);
  }

  /** Runs several `ip` commands at once. */
  async ip(...commands: string[]): Promise<void> {
    const reply = await this.ask("run", {
      argv: ["ip", "-batch", "-"],
      stdin: commands.join("\n"),
    });
    if (reply.code !== 0) throw new Error(reply.stderr);
  }

  async tcp(host: string, port: number, source: Record<string, unknown> = {}): Promise<Answer> {
    return await this.ask("tcp", { host, port, timeout: REFUSED_AFTER, ...source });
  }

  async udp(host: string, port: number, source: Record<string, unknown> = {}): Promise<Answer> {
    return await this.ask("udp", { host, port, timeout: REFUSED_AFTER, ...source });
  }

  async ping(host: string): Promise<Answer> {
    return await this.ask("ping", { host, timeout: REFUSED_AFTER });
  }

  async send(frame: Uint8Array | string, iface = "eth0"): Promise<void> {
    const data = typeof frame === "string" ? frame : frame.toHex();
    await this.ask("frame", { interface: iface, data });
  }

  /** Sends several frames, one after the other. */
  async sendAll(frames: readonly Uint8Array[], iface = "eth0"): Promise<void> {
    await this.ask("frames", { interface: iface, data: frames.map((each) => each.toHex()) });
  }

  /** Starts to capture the frames that arrive at an interface; a second call starts again. */
  async capture(iface = "eth0"): Promise<void> {
    await this.ask("capture", { interface: iface });
  }

  /**
   * Returns the frames, in hexadecimal, that arrived since the last call, or since `capture()`;
   * `wait` in seconds.
   */
  async captured(iface = "eth0", wait = 0.2): Promise<string[]> {
    return (await this.ask("captured", { interface: iface, wait })).frames ?? [];
  }

  /** Returns the MAC of an interface. */
  async mac(iface = "eth0"): Promise<string> {
    const link = await this.run("ip", "-br", "link", "show", iface);
    return /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
  }
}

/** Ports that each machine, the host and the outside serve. */
export const TCP_PORTS = [22, 53, 80, 443, 631] as const;
export const UDP_PORTS = [53, 67, 123, 5353] as const;

/** Addresses of the lab's places, see `Lab`; with IPv6 if the infra has it. */
export const OUTSIDE = "203.0.113.10", OUTSIDE6 = "2001:db8::10", PRIVATE_OUTSIDE = "192.168.77.10";
export const HOST = "203.0.113.1", HOST6 = "2001:db8::1";
export const DOCKER = "172.17.0.2", LAN = "198.51.100.10";

/** IPv4 and IPv6 address of a place. */
export type Pair = readonly [string, string];

/**
 * A host in a namespace with the infra's bridges, a namespace for each machine, and around them:
 * `outside` (203.0.113.10, and 192.168.77.10 as a private address) behind `wan0`, which has the
 * default route; `docker` (172.17.0.2) behind the foreign bridge `docker0`; `lan` (198.51.100.10)
 * behind the bridge `br0`.
 */
export class Lab implements AsyncDisposable {
  private constructor(
    readonly host: Agent,
    readonly agents: Map<string, Agent>,
    readonly built: BuiltInfra,
  ) {}

  static async start(built: BuiltInfra): Promise<Lab> {
    const { infra, addressing } = built;
    const names = [...addressing.machines.keys(), "outside", "docker", "lan"];
    const [host, ...started] = await Promise.all([
      Agent.start(),
      ...names.map(() => Agent.start()),
    ]);
    const agents = new Map(names.map((name, i) => [name, started[i]!]));
    const lab = new Lab(host, agents, built);
    const ipv6 = infra.global.ipv6;

    for (
      const setting of [
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.conf.default.accept_dad=0",
        // A service on loopback must stay closed even if the host routes loopback.
        "net.ipv4.conf.all.route_localnet=1",
        "net.ipv4.conf.all.rp_filter=0",
      ]
    ) await host.run("sysctl", "-qw", setting);

    for (const domain of addressing.domains.values()) {
      // A fixed MAC, as Incus sets one: otherwise it would change with the ports.
      const mac = bytes(2, 0, ip4Bytes(domain.gateway)).toHex().replace(/..(?=.)/g, "$&:");
      await host.ip(
        `link add ${domain.bridge} address ${mac} type bridge`,
        `address add ${domain.gateway}/24 dev ${domain.bridge}`,
        ...(domain.ipv6
          ? [`address add ${domain.ipv6.gateway}/64 dev ${domain.bridge} nodad`]
          : []),
        `link set ${domain.bridge} up`,
      );
    }
    for (const machine of addressing.machines.values()) {
      const domain = addressing.domains.get(machine.domain)!;
      const agent = lab.agent(machine.machine);
      await agent.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0");
      await lab.plug(agent, machine.hostName, domain.bridge, machine.hwaddr);
      await agent.ip(
        `address add ${machine.ip}/24 dev eth0`,
        `route add default via ${domain.gateway}`,
        ...(domain.ipv6
          ? [
            `address add ${machine.ipv6}/64 dev eth0 nodad`,
            `route add default via ${domain.ipv6.gateway}`,
          ]
          : []),
      );
    }
    await host.ip("link add docker0 type bridge", "link add br0 type bridge");
    await lab.plug(lab.agent("docker"), "veth-docker", "docker0");
    await lab.plug(lab.agent("lan"), "veth-lan", "br0");
    await lab.plug(lab.agent("outside"), "wan0");
    await host.ip(
      "address add 172.17.0.1/16 dev docker0",
      "address add 198.51.100.1/24 dev br0",
      "address add 203.0.113.1/24 dev wan0",
      "address add 192.168.77.1/24 dev wan0",
      "link set docker0 up",
      "link set br0 up",
      "route add default via 203.0.113.10",
    );
    await lab.agent("docker").ip(
      "address add 172.17.0.2/16 dev eth0",
      "route add default via 172.17.0.1",
    );
    await lab.agent("lan").ip(
      "address add 198.51.100.10/24 dev eth0",
      "route add default via 198.51.100.1",
    );
    // The outside has a route into the domains: only the rules keep it out.
    await lab.agent("outside").ip(
      "address add 203.0.113.10/24 dev eth0",
      "address add 192.168.77.10/24 dev eth0",
      "route add 10.120.0.0/16 via 203.0.113.1",
      "route add 172.17.0.0/16 via 203.0.113.1",
    );
    if (ipv6) {
      await host.ip("address add 2001:db8::1/64 dev wan0 nodad");
      await lab.agent("outside").ip(
        "address add 2001:db8::10/64 dev eth0 nodad",
        "route add fd00::/16 via 2001:db8::1",
      );
    }
    const anywhere = ["0.0.0.0", ...(ipv6 ? ["::"] : [])];
    const bind = (ports: readonly number[]) =>
      anywhere.flatMap((address) => ports.map((port) => [address, port]));
    await Promise.all(
      [host, ...agents.values()].map((agent) =>
        agent.ask("serve", { tcp: bind(TCP_PORTS), udp: bind(UDP_PORTS) })
      ),
    );
    await host.ask("serve", { tcp: [["127.0.0.1", 9999]] });
    return lab;
  }

  /** Returns the agent of a machine, of a place around the host, or of the host. */
  agent(name: string): Agent {
    if (name === "host") return this.host;
    const agent = this.agents.get(name);
    if (agent === undefined) throw new Error(`no ${name} in this lab`);
    return agent;
  }

  /** Returns the addresses of a machine of an infra with IPv6. */
  addresses(name: string): Pair {
    const machine = this.built.addressing.machines.get(name);
    if (machine?.ipv6 === undefined) throw new Error(`no ${name}`);
    return [machine.ip, machine.ipv6];
  }

  /** Returns the host's interface towards a machine, `outside` or `docker`. */
  interfaceTo(name: string): string {
    const machine = this.built.addressing.machines.get(name);
    if (machine !== undefined) return `net-${machine.domain}`;
    return { outside: "wan0", docker: "docker0", lan: "br0" }[name] ?? name;
  }

  /** Sets whether packets within a bridge pass the host's rules for IP too. */
  async brNetfilter(on: boolean): Promise<void> {
    for (const family of ["iptables", "ip6tables", "arptables"]) {
      // Missing without the module: then it is off.
      await this.host.ask("run", {
        argv: ["sysctl", "-qw", `net.bridge.bridge-nf-call-${family}=${on ? 1 : 0}`],
      });
    }
  }

  /** Runs `act` without br_netfilter. */
  async withoutBrNetfilter<T>(act: () => Promise<T>): Promise<T> {
    await this.brNetfilter(false);
    try {
      return await act();
    } finally {
      await this.brNetfilter(true);
    }
  }

  /** Runs `act` while one of the infra's tables is removed, if it existed. */
  async withoutTable<T>(family: string, act: () => Promise<T>): Promise<T> {
    const table = tableName(this.built.infra.projectName);
    const { code, stdout = "" } = await this.host.ask("run", {
      argv: ["nft", "-s", "list", "table", family, table],
    });
    if (code === 0) await this.host.nft(`delete table ${family} ${table}`);
    try {
      return await act();
    } finally {
      if (code === 0) await this.host.nft(stdout);
    }
  }

  /** True if a packet passes the host's rules to the host, while `send` runs. */
  async hostReceives(match: string, send: () => Promise<unknown>): Promise<boolean> {
    await this.host.nft(
      "table inet seen { };delete table inet seen;" +
        `table inet seen { chain in { type filter hook input priority 100; ${match} counter; }; }`,
    );
    await send();
    await sleep(60);
    return !/counter packets 0 /.test(await this.host.run("nft", "list", "table", "inet", "seen"));
  }

  /** Connects a namespace's `eth0` to the host, or to a bridge of it if one is named. */
  async plug(agent: Agent, port: string, bridge?: string, mac?: string): Promise<void> {
    const address = mac === undefined ? "" : `address ${mac}`;
    await this.host.ip(
      `link add ${port} type veth peer name eth0 ${address} netns ${agent.pid}`,
      ...(bridge === undefined ? [] : [`link set ${port} master ${bridge}`]),
      `link set ${port} up`,
    );
    await agent.ip("link set eth0 up");
  }

  /** Adds a neighbour with the name of its interface: `<network>.10`; the host is `<network>.1`. */
  async neighbour(iface: string, network: string): Promise<Agent> {
    const agent = await this.#guest(iface, iface, undefined, `${network}.10`, `${network}.1`);
    await this.host.ip(`address add ${network}.1/24 dev ${iface}`);
    return agent;
  }

  /** Adds a machine that is not the infra's to a bridge of the host. */
  guest(name: string, bridge: string, address: string, gateway: string): Promise<Agent> {
    return this.#guest(name, `veth-${name}`, bridge, address, gateway);
  }

  async #guest(
    name: string,
    port: string,
    bridge: string | undefined,
    address: string,
    gateway: string,
  ): Promise<Agent> {
    const agent = await Agent.start();
    this.agents.set(name, agent);
    await this.plug(agent, port, bridge);
    await agent.ip(`address add ${address}/24 dev eth0`, `route add default via ${gateway}`);
    await agent.ask("serve", { tcp: TCP_PORTS.map((port) => ["0.0.0.0", port]) });
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.host, ...this.agents.values()].map((each) => each[Symbol.asyncDispose]()),
    );
  }
}
