/** Values as Incus reads them (`shared/util/boolean.go`, `shared/validate`), as whole texts. */
export const TRUE = /^(?:true|1|yes|on)$/i;
export const FALSE = /^(?:false|0|no|off)$/i;
export const BOOLEAN = /^(?:true|1|yes|on|false|0|no|off)$/i;
export const NUMBER = /^\d+$/;
/** Without control characters: Incus writes many a value into LXC's configuration, where a line break begins a new key. */
export const LINE = /^\P{Cc}*$/u;
