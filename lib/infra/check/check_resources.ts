import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { Domain, GlobalSettings, Machine, Publish } from "../infra.ts";

/**
 * Checks resources that only one machine can have: names of volumes, ports of the host, the GPU.
 */
export function checkResources(
  domains: readonly Domain[],
  global: GlobalSettings,
  diagnostics: DiagnosticList,
): void {
  checkVolumeNames(domains, diagnostics);
  checkPublished(domains, diagnostics);
  if (global.gpuPolicy === "exclusive") checkGpu(domains, diagnostics);
}

/** In Incus, `a` + `b-c` and `a-b` + `c` are the same volume. */
function checkVolumeNames(domains: readonly Domain[], diagnostics: DiagnosticList): void {
  for (const domain of domains) {
    const names = new Map<string, string>();
    for (const machine of domain.machines) {
      for (const volume of machine.storageVolumes) {
        const id = `${volume.pool}/${volume.name}`;
        const other = names.get(id);
        names.set(id, machine.name);
        if (other === undefined) continue;
        diagnostics.add({
          code: "DUPLICATE_VOLUME",
          summary: `\`${volume.name}\` is also the name of a volume of \`${other}\``,
          detail: "Incus calls a volume <machine>-<key>",
          remedy: "choose another key",
          range: volume.range,
        });
      }
    }
  }
}

function checkPublished(domains: readonly Domain[], diagnostics: DiagnosticList): void {
  const ports = new Map<string, { readonly machine: Machine; readonly publish: Publish }>();
  for (const domain of domains) {
    for (const machine of domain.machines) {
      for (const publish of machine.publish) {
        const id = `${publish.protocol} ${publish.host}`;
        const other = ports.get(id);
        if (other === undefined) {
          ports.set(id, { machine, publish });
          continue;
        }
        const sameLine = other.publish.range.start.line === publish.range.start.line &&
          other.publish.range.file === publish.range.file && other.machine !== machine;
        diagnostics.add({
          code: "DUPLICATE_PUBLISH",
          summary:
            `The host's ${publish.protocol} port ${publish.host} already leads to \`${other.machine.name}\``,
          remedy: sameLine
            ? 'give each copy its own: `host: "22{copy}"`'
            : "choose another port of the host",
          range: publish.range,
        });
      }
    }
  }
}

function usesGpu(machine: Machine, domain: Domain): boolean {
  const isGpu = (device: Readonly<Record<string, string>>) => device.type === "gpu";
  return machine.gpu || Object.values(machine.devices).some(isGpu) ||
    domain.profiles.some((profile) =>
      machine.profiles.includes(profile.name) && Object.values(profile.devices).some(isGpu)
    );
}

function checkGpu(domains: readonly Domain[], diagnostics: DiagnosticList): void {
  let first: Machine | undefined;
  for (const domain of domains) {
    for (const machine of domain.machines) {
      if (!usesGpu(machine, domain)) continue;
      if (first === undefined) {
        first = machine;
        continue;
      }
      diagnostics.add({
        code: "GPU_EXCLUSIVE",
        summary: `\`${machine.name}\` uses the GPU, and so does \`${first.name}\``,
        detail: "`global.gpu_policy` is `exclusive`",
        remedy: "remove it from one of them, or write `gpu_policy: shared`",
        range: machine.ranges.get("gpu") ?? machine.range,
      });
    }
  }
}
