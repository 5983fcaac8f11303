/** True for keys that change the speed or the size of a device, but not what it connects to. */
export function isTuning(key: string): boolean {
  return TUNING.test(key);
}

const TUNING =
  /^(?:boot\.priority|io\.(?:bus|cache|threads)|limits\.(?:max|read|write|ingress|egress|priority)|mtu|queue\.tx\.length|required|size|size\.state)$/;
