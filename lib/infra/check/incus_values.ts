/**
 * Values as Incus reads them (`shared/util/boolean.go`, `shared/validate`). The patterns match
 * whole texts.
 */
export const TRUE = /^(?:true|1|yes|on)$/i;
export const FALSE = /^(?:false|0|no|off)$/i;
export const BOOLEAN = /^(?:true|1|yes|on|false|0|no|off)$/i;
export const NUMBER = /^\d+$/;
/**
 * A text without control characters: Incus writes many values into LXC's configuration, where a
 * line break starts a new key.
 */
export const LINE = /^\P{Cc}*$/u;
