import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { type AddressingForm, type GlobalSettings, ZONE_OFFSETS } from "../infra.ts";
import { imageServerProblem, KNOWN_IMAGE_SERVERS } from "./image.ts";
import { distinct } from "./distinct.ts";
import type { GlobalText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

const UNREADABLE = "";

/** Fills in defaults and checks rules that concern several keys together. */
export function buildGlobal(text: GlobalText, diagnostics: DiagnosticList): GlobalSettings {
  const outside = text.outside === undefined
    ? undefined
    : distinct(text.outside.value, "outside", diagnostics);
  return {
    addressing: addressingForm(text, diagnostics),
    defaultOsImage: text.default_os_image?.value ?? "images:debian/13",
    imageServers: imageServers(text, diagnostics),
    defaultConnection: text.default_connection?.value ?? "community.general.incus",
    defaultUser: text.default_user?.value ?? "root",
    storagePool: text.storage_pool?.value ?? "default",
    gpuPolicy: text.gpu_policy?.value ?? "exclusive",
    ipv6: text.ipv6?.value ?? false,
    ...optional({ outside, outsideRange: text.outside?.range }),
  };
}

/** True if every zone has an address. If not, `buildGlobal` has reported it. */
export function isUsableForm(form: AddressingForm): boolean {
  return form.kind === "classic" ? form.baseSubnet !== UNREADABLE : lastZone(form) <= 255;
}

function lastZone(form: { readonly zoneBase: number; readonly zoneStep: number }): number {
  return form.zoneBase + ZONE_OFFSETS.disposable * form.zoneStep;
}

function imageServers(text: GlobalText, diagnostics: DiagnosticList): ReadonlyMap<string, string> {
  const servers = new Map(KNOWN_IMAGE_SERVERS);
  for (const [name, address] of text.image_servers?.value ?? []) {
    const problem = imageServerProblem(name, address.value);
    if (problem !== undefined) {
      const aboutName = !problem.summary.includes("URL");
      diagnostics.add({ ...problem, range: aboutName ? address.keyRange : address.range });
    }
    // An invalid server is known by name too, so that its images are not reported as well.
    servers.set(name, address.value.replace(/\/+$/, ""));
  }
  return servers;
}

function addressingForm(text: GlobalText, diagnostics: DiagnosticList): AddressingForm {
  const classic = text.base_subnet;
  const zones = text.addressing?.value;
  if (classic !== undefined) {
    if (text.addressing !== undefined) {
      diagnostics.add({
        code: "TWO_ADDRESSING_FORMS",
        summary: "`base_subnet` and `addressing` exclude each other",
        remedy: "keep one of them",
        range: classic.keyRange,
      });
    }
    return classicForm(classic, diagnostics);
  }
  const form = {
    kind: "zones",
    baseOctet: zones?.base_octet?.value ?? 10,
    zoneBase: zones?.zone_base?.value ?? 100,
    zoneStep: zones?.zone_step?.value ?? 10,
  } as const;
  const range = (zones?.zone_base ?? zones?.zone_step ?? text.addressing)?.range;
  const last = lastZone(form);
  if (last > 255) {
    diagnostics.add({
      code: "ZONES_OUT_OF_RANGE",
      summary:
        `The zone \`disposable\` would be ${form.baseOctet}.${last}, which is not an address`,
      detail: `it is zone_base ${form.zoneBase} + 5 × zone_step ${form.zoneStep}, and at most 255`,
      remedy: "choose a smaller `zone_base` or `zone_step`",
      ...optional({ range }),
    });
  }
  const octet = zones?.base_octet;
  if (octet?.value === 127) {
    diagnostics.add({
      code: "OUT_OF_RANGE",
      summary: "`base_octet` cannot be 127: these are loopback addresses",
      range: octet.range,
    });
  } else if (octet !== undefined && !zonesArePrivate(form)) {
    warnPublic(`${form.baseOctet}.${form.zoneBase}.0.0`, octet, diagnostics);
  }
  return form;
}

function zonesArePrivate(form: { baseOctet: number; zoneBase: number; zoneStep: number }): boolean {
  return Object.values(ZONE_OFFSETS).every((offset) =>
    isPrivate(form.baseOctet, form.zoneBase + offset * form.zoneStep)
  );
}

function classicForm(classic: Located<string>, diagnostics: DiagnosticList): AddressingForm {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(classic.value);
  const [first, second] = match === null ? [NaN, NaN] : [Number(match[1]), Number(match[2])];
  if (!(first >= 1 && first <= 223 && first !== 127 && second <= 255)) {
    diagnostics.add({
      code: "INVALID_ADDRESS",
      summary: `\`${shortenName(classic.value)}\` is not a base for subnets`,
      remedy: 'write the first two octets: "192.168"',
      range: classic.range,
    });
    return { kind: "classic", baseSubnet: UNREADABLE };
  }
  if (!isPrivate(first, second)) warnPublic(`${classic.value}.0.0`, classic, diagnostics);
  return { kind: "classic", baseSubnet: classic.value };
}

function isPrivate(first: number, second: number): boolean {
  return first === 10 || (first === 172 && second >= 16 && second <= 31) ||
    (first === 192 && second === 168) || (first === 100 && second >= 64 && second <= 127);
}

function warnPublic(network: string, place: Located<unknown>, diagnostics: DiagnosticList): void {
  diagnostics.add({
    severity: "warning",
    code: "PUBLIC_ADDRESSES",
    summary: `${network} is not a private network: its real owners become unreachable`,
    remedy: "use 10, 172.16 to 172.31 or 192.168",
    range: place.range,
  });
}
