import { optional } from "../../diag/optional.ts";
import type { Report } from "../../diag/diagnostic_list.ts";
import { parseIpv4, parseIpv6 } from "../ip.ts";
import { shortenName } from "../words.ts";

/** The mistake in a value. The caller adds its place. */
export type Problem = Omit<Report, "range">;

/** RFC 1123, in lowercase. Safe in nft, Ansible, Incus and file names. */
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Incus's limit for instances, projects and volumes. */
const NAME_LIMIT = 63;
export const PROJECT_NAME_LIMIT = 32;
/** Linux's IFNAMSIZ minus the final NUL. */
const INTERFACE_NAME_LIMIT = 15;

const RESERVED_NAMES: ReadonlySet<string> = new Set([
  "default",
  "all",
  "ungrouped",
  "localhost",
  "host",
  "outside",
]);
const RESERVED_PREFIXES = ["role_", "trust_", "type_"];

export function isDnsLabel(name: string): boolean {
  return name.length <= NAME_LIMIT && DNS_LABEL.test(name);
}

/**
 * Checks a name outside of the shared namespace, such as a volume's. `what` is for example "a
 * volume's name".
 */
export function labelProblem(name: string, what: string, limit = NAME_LIMIT): Problem | undefined {
  if (name.length > limit) {
    return {
      code: "NAME_TOO_LONG",
      summary: `\`${
        shortenName(name)
      }\` has ${name.length} characters; ${what} has at most ${limit}`,
    };
  }
  if (DNS_LABEL.test(name)) return undefined;
  const repaired = repairName(name);
  return {
    code: "INVALID_NAME",
    summary: `\`${shortenName(name)}\` cannot be ${what}`,
    detail: "names are lowercase letters, digits and `-`, and start and end with a letter or digit",
    ...optional({ remedy: repaired === undefined ? undefined : `write \`${repaired}\`` }),
  };
}

/**
 * Checks the name of a domain or machine. They share one namespace with Ansible's groups and hosts.
 */
export function nameProblem(name: string, kind: "domain" | "machine"): Problem | undefined {
  const prefix = RESERVED_PREFIXES.find((candidate) => name.startsWith(candidate));
  if (name === "plugin" && kind === "domain") {
    return {
      code: "RESERVED_NAME",
      summary: "`plugin` cannot be a domain's name",
      detail: "Ansible would read the inventory as a plugin's settings if a group had that name",
      remedy: "choose another name for this domain",
    };
  }
  if (RESERVED_NAMES.has(name) || prefix !== undefined) {
    return {
      code: "RESERVED_NAME",
      summary: prefix === undefined
        ? `\`${name}\` is a reserved name`
        : `Names that start with \`${prefix}\` are reserved`,
      detail: "it has another meaning for Ansible, Incus or a policy",
      remedy: `choose another name for this ${kind}`,
    };
  }
  const problem = labelProblem(name, `a ${kind}'s name`);
  if (problem !== undefined) return problem;
  if (/^[0-9]+$/.test(name)) {
    return {
      code: "INVALID_NAME",
      summary: `\`${name}\` cannot be a ${kind}'s name: it has digits only`,
      remedy: `write \`${kind}-${name}\``,
    };
  }
  if (kind === "machine" && /^[0-9]/.test(name)) {
    return {
      code: "INVALID_NAME",
      summary: `\`${name}\` cannot be a machine's name: Incus requires a letter first`,
      remedy: `write \`m${name}\``,
    };
  }
  return undefined;
}

function repairName(name: string): string | undefined {
  const repaired = name.normalize("NFD").replace(/\p{Mark}/gu, "").toLowerCase().replace(
    /[^a-z0-9]+/g,
    "-",
  ).replace(/^-+|-+$/g, "");
  return repaired === "" || repaired === name ? undefined : repaired;
}

/** Checks the name of a network interface of the host, such as `wg0` or `eth0.10`. */
export function interfaceProblem(name: string): Problem | undefined {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) && name.length <= INTERFACE_NAME_LIMIT) {
    return undefined;
  }
  return {
    code: "INVALID_INTERFACE",
    summary: `\`${shortenName(name)}\` cannot be the name of a network interface`,
    detail: `it has 1 to ${INTERFACE_NAME_LIMIT} letters, digits, \`_\`, \`.\` and \`-\``,
    remedy: "`ip -br link` lists the host's",
  };
}

/** Checks a resolver: an address without a prefix length and without a zone. */
export function resolverProblem(text: string): Problem | undefined {
  if (parseIpv4(text) !== undefined || parseIpv6(text) !== undefined) return undefined;
  return {
    code: "INVALID_ADDRESS",
    summary: `\`${shortenName(text)}\` is not an IPv4 or IPv6 address`,
    remedy: "name the resolver by its address: `dns: [10.64.0.1]`",
  };
}

/** Checks the name of a user in the machine, such as `root`. */
export function userProblem(name: string): Problem | undefined {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) return undefined;
  return {
    code: "INVALID_USER",
    summary: `\`${shortenName(name)}\` cannot be a user's name`,
    detail: "it has 1 to 32 lowercase letters, digits, `_` and `-`, and starts with a letter",
  };
}

/** Checks the name of an Incus storage pool. */
export function poolProblem(name: string): Problem | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) return undefined;
  return {
    code: "INVALID_POOL",
    summary: `\`${shortenName(name)}\` cannot be the name of a storage pool`,
    remedy: "`incus storage list` lists the host's",
  };
}

/**
 * Connection plugins that reach a machine through Incus. With any other plugin, roles would run
 * elsewhere.
 */
const CONNECTIONS: ReadonlySet<string> = new Set(["community.general.incus"]);

/** Checks the name of an Ansible connection plugin. */
export function connectionProblem(name: string): Problem | undefined {
  if (CONNECTIONS.has(name)) return undefined;
  const isLocal = /^(?:ansible\.(?:builtin|legacy)\.)?local$/.test(name);
  return {
    code: "INVALID_CONNECTION",
    summary: isLocal
      ? `\`${name}\` would run every role on the host, not in the machines`
      : `\`${shortenName(name)}\` is not a connection that reaches anklume's machines`,
    detail: "Ansible reaches a machine through Incus, with no SSH and no address",
    remedy: "leave the key out, or write `community.general.incus`",
  };
}

/** Tags of `site.yml` that have a special meaning in Ansible. */
const RESERVED_ROLES: ReadonlySet<string> = new Set([
  "all",
  "always",
  "never",
  "tagged",
  "untagged",
  "provision",
]);

/** Checks the name of an Ansible role: `web`, or `namespace.collection.web`. */
export function roleProblem(name: string): Problem | undefined {
  if (RESERVED_ROLES.has(name)) {
    return {
      code: "INVALID_ROLE",
      summary: `\`${name}\` cannot be a role's name: it is a tag with a special meaning`,
    };
  }
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name)) return undefined;
  return {
    code: "INVALID_ROLE",
    summary: `\`${shortenName(name)}\` cannot be a role's name`,
    detail: "it has letters, digits, `_`, `-` and `.`",
  };
}
