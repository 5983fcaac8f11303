import type { ConfigMap } from "./common.ts";

/** The answer to `GET /1.0`. Without trust it has only the first fields. */
export interface Server {
  readonly api_version: string;
  readonly api_extensions: readonly string[];
  readonly auth: "trusted" | "untrusted";
  readonly config: ConfigMap | null;
  readonly environment: ServerEnvironment;
}

interface ServerEnvironment {
  /** `incus` */
  readonly server: string;
  readonly server_version: string;
  readonly server_name: string;
  readonly server_clustered: boolean;
  readonly architectures: readonly string[];
  readonly kernel_architecture: string;
  readonly kernel_version: string;
  readonly os_name: string;
  readonly os_version: string;
  /** Instance drivers, `lxc | qemu`: without `qemu` no VM can start. */
  readonly driver: string;
  /** `nftables` or `xtables`. */
  readonly firewall: string;
  readonly storage: string;
}

/** `GET /1.0/resources`: the host's hardware. Sizes in bytes. */
export interface Resources {
  readonly cpu: { readonly architecture: string; readonly total: number };
  readonly memory: { readonly used: number; readonly total: number };
  readonly gpu: { readonly cards: readonly GpuCard[] | null; readonly total: number };
}

interface GpuCard {
  readonly driver?: string;
  readonly driver_version?: string;
  readonly vendor?: string;
  readonly vendor_id?: string;
  readonly product?: string;
  readonly pci_address?: string;
  /** Present if NVIDIA's own driver is loaded. */
  readonly nvidia?: {
    readonly nvrm_version?: string;
    readonly cuda_version?: string;
    readonly model?: string;
  };
}
