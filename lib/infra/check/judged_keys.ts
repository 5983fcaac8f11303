import { BOOLEAN, FALSE, LINE, NUMBER, TRUE } from "./incus_values.ts";
import { optional } from "../../diag/optional.ts";

/**
 * The judgement of an Incus key: the values that do not change a machine's isolation, and the
 * effect of all others.
 */
interface JudgedKey {
  /** Matches whole keys. */
  readonly keys: RegExp;
  /** Harmless values. Undefined: no value is harmless. */
  readonly harmless?: RegExp;
  /** The effect of a value that is not harmless; it follows the word "it". */
  readonly otherwise: string;
  /** Incus uses the key only for containers, or only for virtual machines. */
  readonly only?: "lxc" | "vm";
}

/** Passed to the machine unchanged, including line breaks. */
const TEXT = /^/;
const BASE64 = /^[\w+/=-]*$/;

const BREAKS_LINES = "could add its own lines to the configuration that Incus writes";
const UNJUDGED_VALUE = "has a value whose effect anklume does not know";

/**
 * Every key that Incus 6.0 to 7.3 knows for an instance (`internal/instance/config.go` and
 * `GET /1.0/metadata/configuration`), judged by hand. The first match counts. A key without a match
 * is refused until the user lists it. `volatile.*` and `image.*` are Incus's own records, which
 * `infra.yml` cannot set.
 */
export const JUDGED_KEYS: readonly JudgedKey[] = [
  // Keys that only affect the machine itself: when it starts, the resources that it can use, its
  // content.
  harmless(/(?:user|volatile|image)\..+/, TEXT),
  harmless(/cloud-init\.(?:network-config|user-data|vendor-data)/, TEXT),
  harmless(/agent\.nic_config/),
  harmless(
    /boot\.(?:autorestart|autostart(?:\.(?:delay|priority))?|debug_edk2|host_shutdown_(?:action|timeout)|stop\.priority)/,
  ),
  harmless(/cluster\.evacuate/),
  harmless(/environment\.\w+/),
  harmless(/limits\.cpu(?:\.(?:allowance|nodes|priority))?/),
  harmless(/limits\.(?:disk\.priority|processes|hugepages\.(?:64KB|1MB|2MB|1GB))/),
  harmless(
    /limits\.kernel\.(?:as|core|cpu|data|fsize|locks|memlock|nice|nofile|nproc|rtprio|sigpending)/,
  ),
  harmless(
    /limits\.memory(?:\.(?:enforce|hotplug|hugepages|oom_priority|swap(?:\.priority)?))?/,
  ),
  harmless(/migration\.(?:stateful|incremental\.memory(?:\.(?:goal|iterations))?)/),
  harmless(/oci\.(?:cwd|dns\.(?:domain|nameservers|search)|entrypoint|gid|uid)/),
  harmless(/smbios11\.[\w.-]+/),
  harmless(/snapshots\.(?:expiry(?:\.manual)?|schedule(?:\.stopped)?)/),
  {
    keys: whole(/snapshots\.pattern/),
    // Incus runs the template as root, and runs it again if the result looks like a template: 6.0.4
    // included any file of the host.
    harmless:
      /^(?:[^\p{Cc}{}]|\{\{\s*creation_date(?:\s*\|\s*date:(?:'[\w:. -]*'|"[\w:. -]*"))?\s*\}\})*$/u,
    otherwise:
      "is a program that Incus runs as root; only `{{ creation_date|date:'…' }}` is known to be safe",
  },
  harmless(/systemd\.credential\.[\w-]+(?:\.[\w-]+)*/, TEXT),
  harmless(/systemd\.credential-binary\.[\w-]+(?:\.[\w-]+)*/, BASE64),
  // Namespaces separate these settings. Others belong to the host, and a privileged container could
  // set them.
  harmless(/linux\.sysctl\.net\.[\w.-]+/),
  harmless(
    /linux\.sysctl\.(?:fs\.mqueue\.\w+|kernel\.(?:domainname|hostname|msg\w+|sem|shm\w+)|user\.max_\w+)/,
  ),
  door(/linux\.sysctl\..+/, "changes the host, not one of the machine's own namespaces"),
  door(/linux\.kernel_modules/, "loads modules into the host's kernel", "lxc"),
  // The keys that `gpu: true` sets too.
  harmless(/nvidia\.runtime/, BOOLEAN),
  harmless(/nvidia\.(?:driver\.capabilities|require\.(?:cuda|driver))/, /^[\w.,<>=! |&-]*$/),

  // A virtual machine's own firmware and encryption, and keys that add protection.
  harmless(/security\.(?:agent\.metrics|csm|iommu|secureboot|sev(?:\.policy\.es)?)/, BOOLEAN),
  harmless(/security\.sev\.session\.(?:data|dh)/, BASE64),
  harmless(/security\.protection\.(?:delete|shift|start)/, BOOLEAN),
  harmless(/security\.guestapi/, BOOLEAN),
  // Nested containers stay in the user namespace of the outer container.
  harmless(/security\.nesting/, BOOLEAN),
  harmless(/security\.idmap\.isolated/, BOOLEAN),
  harmless(/security\.idmap\.size/, NUMBER),

  // Keys that keep a machine away from the host.
  {
    keys: whole(/security\.privileged/),
    harmless: FALSE,
    otherwise: "gives the machine the users of the host, root among them",
    only: "lxc",
  },
  door(/security\.idmap\.\w+/, "may give the machine users of the host, root among them", "lxc"),
  {
    keys: whole(/security\.syscalls\.(?:deny_default|blacklist_default)/),
    harmless: TRUE,
    otherwise: "opens system calls of the host's kernel that Incus blocks",
    only: "lxc",
  },
  harmless(/security\.syscalls\.(?:deny_compat|blacklist_compat)/, BOOLEAN),
  {
    keys: whole(/security\.syscalls\.intercept\.[a-z_]+(?:\.(?:devices|shift))?/),
    harmless: FALSE,
    otherwise: "lets the host's root run system calls for the machine",
    only: "lxc",
  },
  door(
    /security\.syscalls\.intercept\..+/,
    "lets the host's root run system calls for the machine",
    "lxc",
  ),
  door(
    /security\.syscalls\..+/,
    "changes which system calls of the host's kernel the machine reaches",
    "lxc",
  ),
  door(/security\.bpffs\..+/, "loads BPF programs into the host's kernel", "lxc"),
  {
    keys: whole(/security\.guestapi\.images/),
    harmless: FALSE,
    otherwise: "lets the machine read the host's images",
    only: "lxc",
  },
  door(/security\.tags/, "tells the program that grants rights in Incus what this machine is"),
  door(
    /initial\.(?:secureboot|nvram|nvram-binary)\..+/,
    "sets what the firmware trusts, read by Incus as root",
  ),
  door(/security\.selinux\..+/, "changes the label that confines the machine"),
  door(/raw\.idmap/, "may give the machine users of the host, root among them"),
  door(/raw\..+/, "can add NICs, disks and rights without any check"),
];

function harmless(keys: RegExp, values = LINE): JudgedKey {
  const otherwise = values === LINE ? BREAKS_LINES : UNJUDGED_VALUE;
  return { keys: whole(keys), harmless: values, otherwise };
}

function door(keys: RegExp, otherwise: string, only?: "lxc" | "vm"): JudgedKey {
  return { keys: whole(keys), otherwise, ...optional({ only }) };
}

function whole(keys: RegExp): RegExp {
  return new RegExp(`^(?:${keys.source})$`);
}

/** A cache: thousands of machines have the same few keys. */
const judgements = new Map<string, JudgedKey | undefined>();

/** Returns the judgement of a key; undefined if nobody has judged it. */
export function judgedKey(key: string): JudgedKey | undefined {
  if (!judgements.has(key)) judgements.set(key, JUDGED_KEYS.find(({ keys }) => keys.test(key)));
  return judgements.get(key);
}
