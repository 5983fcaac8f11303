import type { ConfigMap } from "./common.ts";

export interface Image {
  /** SHA-256, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly aliases: readonly { readonly name: string; readonly description: string }[] | null;
  readonly architecture: string;
  readonly type: string;
  readonly size: number;
  readonly cached: boolean;
  readonly properties: ConfigMap | null;
  /** The source from which it was downloaded. */
  readonly update_source?: ImageUpdateSource;
}

interface ImageUpdateSource {
  readonly alias: string;
  readonly protocol: string;
  readonly server: string;
}

export interface ImageAlias {
  readonly name: string;
  readonly description: string;
  /** Fingerprint. */
  readonly target: string;
  readonly type: string;
}
