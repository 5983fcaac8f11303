import { BOOLEAN, LINE, NUMBER } from "./incus_values.ts";
import { normalizePath } from "./normalize_path.ts";

/**
 * A type of device that gives a machine nothing of the host's: the accepted keys and their accepted
 * values.
 */
export interface JudgedDevice {
  readonly keys: Readonly<Record<string, RegExp>>;
  /** Required keys. Without them the device would open more. */
  readonly needs?: readonly string[];
  /** The effect of the device without the required keys; it follows the word "it". */
  readonly otherwise?: string;
}

const MODE = /^[0-7]+$/;
/**
 * A path in the machine. A `..` in it would start from the place on the host where Incus mounts.
 */
const INSIDE = /^\/?(?!(?:.*\/)?\.\.?(?:\/|$))[^\p{Cc}\\]*$/u;
/**
 * A volume without a path in it: links that the machine creates could lead such a path elsewhere.
 */
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
/** Settings of a virtual machine's disk: how it is attached, and whether it must exist. */
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
 * The machine's own disk. The options of the volume, `initial.*`, are listed one by one:
 * `zfs.delegate` would hand over the dataset, and `block.mount_options` would allow any mount
 * option.
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

/**
 * A custom volume. Only the project's own domain can see its volumes (`features.storage.volumes`).
 */
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

/**
 * Memory, in Incus 6.x and later; never a file of the host. Not `tmpfs-overlay:`: it puts the
 * memory over a path that it finds itself.
 */
export const MEMORY_DISK: JudgedDevice = {
  keys: { ...INITIAL_OWNER, path: INSIDE, required: BOOLEAN, size: LINE, source: /^tmpfs:$/ },
};

/** By type of device. A disk is one of the three above, and a NIC can only be `eth0`. */
export const JUDGED_DEVICES: Readonly<Record<string, JudgedDevice>> = {
  // It hides a device of a profile.
  none: { keys: {} },
  // `gpu_policy` decides who gets the GPU. Another type (`native-context`) opens the host's own
  // render node to QEMU.
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
  // Provided by a program of Incus, one for each machine.
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

/** Types that lead to the host with any keys. */
export const OPEN_DEVICES: Readonly<Record<string, string>> = {
  infiniband: "it gives the machine a network of the host",
  pci: "it gives the machine hardware of the host, network cards included",
  proxy: "a proxy connects the machine with the host, past the firewall",
  "unix-block": "it gives the machine a disk of the host",
};

/**
 * Character devices that do not belong to the host but are provided by the kernel for every process
 * that opens them. A microphone, a camera, a screen or a serial line belongs to the host and must
 * be listed by the user.
 */
const HARMLESS_CHAR_DEVICE = /^\/dev\/(?:net\/tun|fuse|kvm|null|zero|full|random|urandom)$/;

export function isHarmlessCharDevice(path: string): boolean {
  return HARMLESS_CHAR_DEVICE.test(normalizePath(path));
}
