import type { Diagnostic } from "../diag/diagnostic.ts";
import { DiagnosticList } from "../diag/diagnostic_list.ts";
import { SourceFile, type SourceText } from "../diag/source.ts";
import { buildDeclaredDomain } from "./build/build_domain.ts";
import { buildGlobal, isUsableForm } from "./build/build_global.ts";
import { buildPolicies } from "./build/build_policies.ts";
import { checkAddresses } from "./check/check_addresses.ts";
import { checkInterfaces } from "./check/check_interfaces.ts";
import { checkNamespace } from "./check/check_namespace.ts";
import { checkRenames } from "./check/check_renames.ts";
import { checkResources } from "./check/check_resources.ts";
import { isMistaken } from "./shape/collection_shapes.ts";
import type { Infra } from "./infra.ts";
import { mergeFiles } from "./merge_files.ts";
import { type GlobalText, infraShape } from "./shape/schema.ts";
import { optional } from "../diag/optional.ts";

interface ParseOptions {
  /** Roles of the workspace and embedded roles. Without it, role names are not checked. */
  readonly knownRoles?: ReadonlySet<string>;
}

export interface ParseResult {
  /** Present only if no diagnostic is an error. */
  readonly infra?: Infra;
  /** Sorted by file and position. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads `infra.yml`, or the files of `infra/`, into an `Infra` with defaults filled in and copies
 * expanded. Pure, and never throws for any text: every mistake is a diagnostic, and all mistakes
 * are reported together. Only if a text is not valid YAML are the checks of its content skipped.
 */
export function parseInfra(
  sources: readonly SourceText[],
  options: ParseOptions = {},
): ParseResult {
  const diagnostics = new DiagnosticList();
  const infra = readInfra(sources, options, diagnostics);
  const sorted = diagnostics.sorted(sources.map((source) => source.file));
  if (infra === undefined || diagnostics.hasErrors) return { diagnostics: sorted };
  return { infra, diagnostics: sorted };
}

function readInfra(
  sources: readonly SourceText[],
  { knownRoles }: ParseOptions,
  diagnostics: DiagnosticList,
): Infra | undefined {
  const tree = mergeFiles(sources, diagnostics);
  const main = sources.find((source) => source.file === "infra/base.yml") ?? sources[0];
  if (tree === undefined || main === undefined) return undefined;
  const span = { source: new SourceFile(main), start: 0, end: 0 };
  const text = infraShape.read(tree, { diagnostics, span, label: "" });
  if (text === undefined) return undefined;
  const globalText: GlobalText = text.global?.value ?? {};
  const isGlobalRead = !isMistaken(text, "global");
  const global = buildGlobal(globalText, diagnostics);
  const defaultImage = globalText.default_os_image;
  const context = {
    diagnostics,
    global,
    knowsImageServers: isGlobalRead && !isMistaken(globalText, "image_servers"),
    ...optional({ defaultImageRange: defaultImage?.range, knownRoles }),
  };
  const declared = [...text.domains?.value ?? []].map(([name, domain]) =>
    buildDeclaredDomain(name, domain, context)
  );
  const domains = declared.flatMap((declaration) => declaration.domains);
  checkNamespace(declared, diagnostics);
  checkRenames(declared, diagnostics);
  const form = global.addressing;
  if (isGlobalRead && isFormRead(globalText) && isUsableForm(form)) {
    const placed = declared.filter((declaration) => declaration.isPlaced);
    checkAddresses(placed.flatMap((declaration) => declaration.domains), form, diagnostics);
  }
  const outside = { names: global.outside ?? [], range: global.outsideRange };
  checkInterfaces(domains, { ...outside, key: "outside" }, diagnostics);
  checkResources(domains, global, diagnostics);
  const policies = buildPolicies(text.network_policies?.value ?? [], {
    declared,
    global,
    diagnostics,
    isComplete: !isMistaken(text, "domains") && declared.every(({ isComplete }) => isComplete),
  });
  return {
    projectName: text.project_name?.value ?? "",
    global,
    domains,
    copies: new Map(
      declared.filter((declaration) => declaration.hasCopies)
        .map(({ name, domains }) => [name, domains.map((domain) => domain.name)]),
    ),
    policies,
  };
}

/**
 * True if the form of addressing could be read. If not, wrong addresses may only result from that
 * mistake, so they are not checked.
 */
function isFormRead(text: GlobalText): boolean {
  return !isMistaken(text, "addressing") && !isMistaken(text, "base_subnet") &&
    !ZONE_KEYS.some((key) => isMistaken(text.addressing?.value ?? {}, key));
}

const ZONE_KEYS = ["base_octet", "zone_base", "zone_step"] as const;
