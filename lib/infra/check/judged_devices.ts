import { BOOLEAN, LINE, NUMBER } from "./incus_values.ts";
import { normalizePath } from "./normalize_path.ts";

/** One kind of device that gives a machine nothing of the host's: its keys, and the values that keep it so. */
export interface JudgedDevice {
  readonly keys: Readonly<Record<string, RegExp>>;
  /** Keys that it must have: without them it would be another device. */
  readonly needs?: readonly string[];
  /** What it does without them, after "it". */
  readonly otherwise?: string;
}

const MODE = /^[0-7]+$/;
/** A path in the machine: `..` in it would count from where Incus mounts on the host. */
const INSIDE = /^\/?(?!(?:.*\/)?\.\.?(?:\/|$))[^\p{Cc}\\]*$/u;
/** A volume, not a path in it: where that leads is up to links that the machine makes. */
const VOLUME = /^(?!\.\.?$)[\w.-]+$/;
const USB_ID = /^[0-9a-f]{4}$/i;

const LIMITS = {
  "limits.max": LINE,
  "limits.max.burst": LINE,
  "limits.max.burst.length": LINE,
  "limits.read": LINE,
  "limits.read.burst": LINE,
  "limits.read.burst.length": LINE,
  "limits.write": LINE,
  "limits.write.burst": LINE,
  "limits.write.burst.length": LINE,
};
/** How a virtual machine's disk is plugged, and whether it must be there. */
const DISK = {
  ...LIMITS,
  attached: BOOLEAN,
  "boot.priority": NUMBER,
  "io.bus": LINE,
  "io.cache": LINE,
  optional: BOOLEAN,
  readonly: BOOLEAN,
  required: BOOLEAN,
  wwn: LINE,
};
const INITIAL_OWNER = { "initial.gid": NUMBER, "initial.mode": MODE, "initial.uid": NUMBER };

/**
 * The machine's own disk. Of `initial.*`, the volume's options, `zfs.delegate` would hand over the dataset and
 * `block.mount_options` mount it with anything.
 */
export const ROOT_DISK: JudgedDevice = {
  keys: {
    ...DISK,
    ...INITIAL_OWNER,
    "initial.block.filesystem": /^\w+$/,
    "initial.lvm.stripes": LINE,
    "initial.lvm.stripes.size": LINE,
    "initial.size": LINE,
    "initial.zfs.block_mode": BOOLEAN,
    "initial.zfs.blocksize": LINE,
    "initial.zfs.remove_snapshots": BOOLEAN,
    "initial.zfs.reserve_space": BOOLEAN,
    "initial.zfs.use_refquota": BOOLEAN,
    path: /^\/$/,
    pool: LINE,
    size: LINE,
    "size.state": LINE,
  },
};

/** A custom volume: those of a project are seen by its domain alone (`features.storage.volumes`). */
export const VOLUME_DISK: JudgedDevice = {
  keys: {
    ...DISK,
    ...INITIAL_OWNER,
    dependent: BOOLEAN,
    path: INSIDE,
    pool: LINE,
    propagation: /^r?private$/,
    source: VOLUME,
  },
};

/** Memory, of Incus 6.x and later; never a file of the host. `tmpfs-overlay:` lays it over a path of its own finding. */
export const MEMORY_DISK: JudgedDevice = {
  keys: { ...INITIAL_OWNER, path: INSIDE, required: BOOLEAN, size: LINE, source: /^tmpfs:$/ },
};

/** By type of device; a disk is one of the three above, a NIC is `eth0` alone. */
export const JUDGED_DEVICES: Readonly<Record<string, JudgedDevice>> = {
  // It hides a device of a profile.
  none: { keys: {} },
  // Which one is `gpu_policy`'s concern. Another type (`native-context`) opens the host's own render node to QEMU.
  gpu: {
    keys: {
      gid: NUMBER,
      gputype: /^(?:physical|mdev|mig|sriov)$/,
      id: NUMBER,
      mdev: /^[\w-]+$/,
      "mig.ci": NUMBER,
      "mig.gi": NUMBER,
      "mig.uuid": /^[\w-]+$/,
      mode: MODE,
      pci: /^[0-9a-f:.]+$/i,
      productid: USB_ID,
      uid: NUMBER,
      vendorid: USB_ID,
    },
  },
  // Made by a program of Incus's own, one for each machine.
  tpm: { keys: { path: INSIDE, pathrm: INSIDE } },
  "unix-char": {
    keys: {
      gid: NUMBER,
      mode: MODE,
      path: INSIDE,
      required: BOOLEAN,
      source: LINE,
      uid: NUMBER,
    },
  },
  "unix-hotplug": {
    keys: {
      gid: NUMBER,
      mode: MODE,
      pci: LINE,
      productid: USB_ID,
      required: BOOLEAN,
      uid: NUMBER,
      vendorid: USB_ID,
    },
    needs: ["vendorid", "productid"],
    otherwise:
      "without `vendorid` and `productid` it gives the machine every such device of the host",
  },
  usb: {
    keys: {
      attached: BOOLEAN,
      busnum: NUMBER,
      devnum: NUMBER,
      gid: NUMBER,
      mode: MODE,
      productid: USB_ID,
      required: BOOLEAN,
      serial: LINE,
      uid: NUMBER,
      vendorid: USB_ID,
    },
    needs: ["vendorid", "productid"],
    otherwise:
      "without `vendorid` and `productid` it gives the machine every such device of the host",
  },
};

/** Types that lead to the host whatever their keys say. */
export const OPEN_DEVICES: Readonly<Record<string, string>> = {
  infiniband: "it gives the machine a network of the host",
  pci: "it gives the machine hardware of the host, network cards included",
  proxy: "a proxy connects the machine with the host, past the firewall",
  "unix-block": "it gives the machine a disk of the host",
};

/**
 * Character devices that are no thing of the host's, but the kernel's own for whoever opens them. A microphone, a camera, a
 * screen or a serial line is the host's, and has to be named.
 */
const HARMLESS_CHAR_DEVICE = /^\/dev\/(?:net\/tun|fuse|kvm|null|zero|full|random|urandom)$/;

export function isHarmlessCharDevice(path: string): boolean {
  return HARMLESS_CHAR_DEVICE.test(normalizePath(path));
}
