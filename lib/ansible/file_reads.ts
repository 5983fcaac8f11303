import { parseAllDocuments, visit } from "yaml";

/** What a file that Ansible evaluates reads beside a machine's own variables. */
export interface FileReads {
  /** Data of any other machine: `hostvars`, `groups`. */
  readonly others: boolean;
  /** Names and addresses of the other machines of its domain: `anklume_peers`. */
  readonly peers: boolean;
  /** anklume's own variables that it names: `anklume_ip`. */
  readonly facts: ReadonlySet<string>;
  /** It reads variables by a computed name, so it may read any. */
  readonly anyVariable: boolean;
}

const OTHERS = /\bhostvars\b|\bgroups *[[.|]/;
const ANY_VARIABLE = /\bhostvars\b|\bvarnames\b|\bvars *\[|['"(]vars['"]/;
const FACT = /\banklume_\w+/g;
const PEERS = "anklume_peers";
/** Nothing in these is evaluated: they only describe a role. */
const DESCRIPTIONS = /\.md$|\/meta\/argument_specs\.ya?ml$/;

/** Returns what a file reads; undefined: nothing of these. */
export function fileReads(path: string, text: string): FileReads | undefined {
  if (DESCRIPTIONS.test(path) || !mayRead(text)) return undefined;
  // A comment is not evaluated, but `#` in a template or in a longer text is no comment.
  const evaluated = /\.ya?ml$/.test(path) ? yamlScalars(text) : text;
  if (!mayRead(evaluated)) return undefined;
  const facts = new Set(evaluated.match(FACT));
  return {
    others: OTHERS.test(evaluated),
    peers: facts.has(PEERS),
    facts,
    anyVariable: ANY_VARIABLE.test(evaluated),
  };
}

function mayRead(text: string): boolean {
  return text.includes("anklume_") || OTHERS.test(text) || ANY_VARIABLE.test(text);
}

/** Returns the keys and values of YAML, without its comments; the whole text if it is not valid. */
function yamlScalars(text: string): string {
  const found: string[] = [];
  try {
    for (const document of parseAllDocuments(text)) {
      if (document.errors.length > 0) return text;
      visit(document, { Scalar: (_, { value }) => void found.push(String(value)) });
    }
  } catch {
    return text;
  }
  return found.join("\n");
}
