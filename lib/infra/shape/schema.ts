import { anyValue } from "./any_value.ts";
import { list, mapOf, object } from "./collection_shapes.ts";
import { wrongType } from "./complaint.ts";
import { cronProblem } from "./cron.ts";
import { TRUST_LEVELS } from "../infra.ts";
import {
  connectionProblem,
  interfaceProblem,
  labelProblem,
  poolProblem,
  PROJECT_NAME_LIMIT,
  resolverProblem,
  roleProblem,
  userProblem,
} from "./names.ts";
import { expiryProblem, sizeProblem } from "./quantity.ts";
import { choice, flag, incusValue, integer, text } from "./scalar_shapes.ts";
import { checked, described, type Located, type Shape, unread, type ValueOf } from "./shape.ts";
import type { Node } from "../yaml/yaml_tree.ts";
import { optional } from "../../diag/optional.ts";

// Every key of infra.yml: its possible values and the description that editors show.

/**
 * Names for a later version, so they are not reported as unknown keys. They are reserved at every
 * level.
 */
const options = {
  reserved: ["links", "roster", "shared_volumes", "disposable", "resource_policy"],
};

const port = () => integer(1, 65535);
const interfaceName = () => checked(text(), interfaceProblem);

/** A list of texts that may not contain duplicates. The reader of the list checks that. */
const texts = () => list(text());

const zones = object({
  base_octet: described(integer(1, 223), "First octet of every address", 10),
  zone_base: described(integer(0, 255), "Second octet of the zone of trust level `admin`", 100),
  zone_step: described(
    integer(1, 51),
    "Distance between two zones: trusted 1, semi-trusted 2, untrusted 4, disposable 5 steps",
    10,
  ),
});

const globalSettings = object({
  addressing: described(zones, "Addresses by trust zone: 10.<zone>.<domain>.<machine>"),
  base_subnet: described(
    text(),
    'The classic form instead of `addressing`: "192.168"; every domain then needs a `subnet_id`',
  ),
  default_os_image: described(text(), "Image of machines that do not name one", "images:debian/13"),
  image_servers: described(
    mapOf(text()),
    "More simplestreams remotes: name and https URL. `images` and `ubuntu` are known",
  ),
  default_connection: described(
    checked(text(), connectionProblem),
    "Ansible connection plugin",
    "community.general.incus",
  ),
  default_user: described(
    checked(text(), userProblem),
    "User that `shell` and `exec` run as; provisioning always connects as root",
    "root",
  ),
  storage_pool: described(
    checked(text(), poolProblem),
    "Incus storage pool of machines and volumes",
    "default",
  ),
  gpu_policy: described(
    choice(["exclusive", "shared"]),
    "exclusive: at most one machine has the GPU",
    "exclusive",
  ),
  ipv6: described(
    flag(),
    "false: IPv6 is off, also link-local. true: the same rules as IPv4",
    false,
  ),
  outside: described(
    list(interfaceName()),
    "Interfaces that count as the outside; default: all that are neither bridge nor tunnel",
  ),
}, options);

const configShape = mapOf(incusValue());
const devicesShape = mapOf(mapOf(incusValue()));

const profile = object({
  description: described(text(), "For people"),
  config: described(configShape, "Incus keys, passed through"),
  devices: described(devicesShape, "Incus devices, passed through"),
});

const storageVolume = object({
  size: described(
    checked(incusValue(), (size) => sizeProblem(size)),
    "For example 10GiB; by default the pool decides",
  ),
  path: described(text(), "Where it is mounted in the machine"),
  pool: described(checked(text(), poolProblem), "Storage pool; default: global.storage_pool"),
}, { required: ["path"] });

const publish = object({
  host: described(port(), "Port of the host, open to the outside"),
  to: described(port(), "Port of the machine"),
  protocol: described(choice(["tcp", "udp"]), "tcp or udp", "tcp"),
  replace_host: described(
    flag(),
    "true: replaces what already listens on that port of the host; it is then no longer reachable from outside",
    false,
  ),
}, { required: ["host", "to"] });

const machine = object({
  description: described(text(), "For people"),
  renamed_from: described(
    text(),
    "Its former name: disk, volumes and snapshots are kept",
  ),
  type: described(choice(["lxc", "vm"]), "Container or virtual machine", "lxc"),
  image: described(
    text(),
    "`images:debian/13`, or the alias or fingerprint of an image that Incus already has",
  ),
  ip: described(text(), "Static address, .1-.99 of the domain's subnet; default: the lowest free"),
  ephemeral: described(flag(), "true: may be deleted without --force; default: the domain's"),
  gpu: described(flag(), "Adds the host's GPU", false),
  profiles: described(texts(), "Profiles of the domain, in order; `default` always exists"),
  config: described(configShape, "Incus keys, passed through"),
  devices: described(devicesShape, "Incus devices, passed through"),
  storage_volumes: described(
    mapOf(storageVolume),
    "Volumes that outlive a rebuild; their name in Incus is <machine>-<key>",
  ),
  publish: described(list(publish), "Ports of the host that lead to this machine"),
  state: described(
    choice(["running", "stopped", "manual"]),
    "manual: started when created, afterwards anklume leaves it alone",
    "running",
  ),
  boot_autostart: described(flag(), "Start at boot; default: as it was before"),
  boot_priority: described(integer(0, 100), "Higher starts earlier"),
  snapshots_schedule: described(
    checked(text(), cronProblem),
    'Cron with five fields: "0 2 * * *" is every night at 2',
  ),
  snapshots_expiry: described(
    checked(text(), expiryProblem),
    "When scheduled snapshots expire: 30d, 2w, 1m",
  ),
  roles: described(list(checked(text(), roleProblem)), "Ansible roles, in order"),
  vars: described(mapOf(anyValue()), "Ansible variables of this machine, literal"),
  bypasses_isolation: described(
    texts(),
    "Devices and Incus keys that may bypass the isolation; `status` always shows them",
  ),
}, options);

/** `true`, `false`, `public-only`, or `{ via: [wg0], dns: [10.64.0.1] }`. */
const internetVia = object({
  via: described(
    list(interfaceName(), { whenEmpty: "write `internet: false` for none" }),
    "The only interfaces to the outside, tunnels included",
  ),
  dns: described(
    list(checked(text(), resolverProblem)),
    "Resolvers that the gateway uses, only through these interfaces; [] for none",
  ),
}, { required: ["via"] });
export type InternetText =
  | boolean
  | "public-only"
  | { readonly via: readonly Located<string>[]; readonly dns?: readonly Located<string>[] };
const internet: Shape<InternetText> = {
  json: { oneOf: [{ type: "boolean" }, { const: "public-only" }, internetVia.json] },
  read(node, context) {
    if (node.kind === "map") {
      const read = internetVia.read(node, context);
      if (read?.via === undefined) return undefined;
      return { via: read.via.value, ...optional({ dns: read.dns?.value }) };
    }
    if (node.kind === "scalar") {
      if (typeof node.value === "boolean") return node.value;
      if (node.value === "public-only") return node.value;
    }
    const word = node.kind === "scalar" ? node.text.toLowerCase() : "";
    return wrongType(
      node,
      context,
      "`true`, `false`, `public-only` or `{ via: [interface] }`",
      word === "yes" || word === "no" || word === "on" || word === "off"
        ? `write \`${word === "yes" || word === "on"}\`: in YAML 1.2 \`${word}\` is a text`
        : undefined,
    );
  },
};

const COPIES_LIMIT = 999;
/** A number of copies, or their names. */
export type CopiesText = number | readonly Located<string>[];
const copiesCount = integer(1, COPIES_LIMIT);
const copiesNames = list(checked(text(), (name) => labelProblem(name, "a copy's name")), {
  whenEmpty: "name the copies, or write `enabled: false` to disable the domain",
});
export const copiesShape: Shape<CopiesText> = {
  json: { oneOf: [copiesCount.json, copiesNames.json] },
  read(node, context) {
    if (node.kind === "list") {
      const names = copiesNames.read(node, context);
      return names?.length === node.items.length ? names : undefined;
    }
    if (node.kind === "scalar" && typeof node.value === "number") {
      return copiesCount.read(node, context);
    }
    return wrongType(node, context, "a number or a list of names");
  },
};

export const domainShape = object({
  description: described(text(), "For people"),
  enabled: described(
    flag(),
    "false: anklume changes nothing in it; addresses stay reserved, rules stay in force",
    true,
  ),
  copies: described(
    copiesShape,
    "30 makes <domain>-01 to <domain>-30; a list of names makes <domain>-<name>; 1 is the domain itself",
    1,
  ),
  renamed_from: described(text(), "Its former name: its machines are moved over, one by one"),
  trust_level: described(choice(TRUST_LEVELS), "Sets address zone and colour", "semi-trusted"),
  subnet_id: described(
    integer(0, 254),
    "Third octet, unique in its zone; copies take the following numbers",
  ),
  internet: described(
    internet,
    "Outbound: true, false, public-only (no private ranges), or { via: [wg0], dns: [10.64.0.1] }",
    true,
  ),
  ephemeral: described(flag(), "true: its machines may be deleted without --force", false),
  profiles: described(mapOf(profile), "Incus profiles of this domain"),
  machines: described(mapOf(machine), "Containers and virtual machines, by name"),
}, options);

/** `all`, or the ports and ranges as they were written. */
export type PortsText = "all" | readonly Located<string | number>[];
const portItem: Shape<string | number> = {
  json: {
    oneOf: [{ type: "integer", minimum: 1, maximum: 65535 }, {
      type: "string",
      pattern: "^[0-9]+-[0-9]+$",
    }],
  },
  read(node: Node, context) {
    if (
      node.kind === "scalar" && (typeof node.value === "number" || typeof node.value === "string")
    ) {
      return typeof node.value === "number" ? node.value : node.text;
    }
    return wrongType(node, context, 'a port or a range such as "8000-8010"');
  },
};
const portList = list(portItem, { whenEmpty: "name ports, or write `ports: all`" });
const ports: Shape<PortsText> = {
  json: { oneOf: [{ const: "all" }, portList.json] },
  read(node, context) {
    if (node.kind === "scalar" && node.value === "all") return "all";
    if (node.kind === "list") return portList.read(node, context);
    const written = node.kind === "scalar" && node.value !== null
      ? /^[0-9]+$/.test(node.text) ? `write a list: [${node.text}]` : undefined
      : undefined;
    return wrongType(node, context, "`all` or a list of ports", written);
  },
};

const networkPolicy = object({
  description: described(text(), "For people"),
  from: described(text(), "Source of connections: domain, machine, `host`, `outside` or CIDR"),
  to: described(text(), "Destination: domain, machine, `host`, `outside` or CIDR"),
  ports: described(ports, 'Ports and ranges, [631, "8000-8010"], or `all`'),
  protocol: described(
    choice(["tcp", "udp"]),
    "tcp or udp; with `ports: all` and no protocol, every protocol",
  ),
  bidirectional: described(flag(), "true: both sides may open connections", false),
}, { required: ["from", "to", "ports"] });

/** The whole of infra.yml. The files of the `infra/` form are merged before it is read. */
export const infraShape = object({
  project_name: described(
    checked(text(), (name) => labelProblem(name, "a project's name", PROJECT_NAME_LIMIT)),
    "Name of the infra: lowercase letters, digits and `-`, at most 32",
  ),
  global: described(globalSettings, "Settings of the whole infra"),
  domains: described(mapOf(unread(domainShape)), "Isolated compartments, by name"),
  network_policies: described(list(networkPolicy), "Declared exceptions to the isolation"),
}, { ...options, required: ["project_name", "domains"] });

export type GlobalText = ValueOf<typeof globalSettings>;
export type DomainText = ValueOf<typeof domainShape>;
export type MachineText = ValueOf<typeof machine>;
export type ProfileText = ValueOf<typeof profile>;
export type VolumeText = ValueOf<typeof storageVolume>;
export type PolicyText = ValueOf<typeof networkPolicy>;
export type ConfigText = ValueOf<typeof configShape>;
export type DevicesText = ValueOf<typeof devicesShape>;
