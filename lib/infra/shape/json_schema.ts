import { infraShape } from "./schema.ts";
import type { JsonSchema } from "./shape.ts";

/**
 * Returns the JSON Schema of infra.yml for editors. It is made from the same shapes that
 * `parseInfra` uses.
 */
function infraJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "anklume infra.yml",
    description: "Isolated domains of containers and virtual machines on one host",
    ...infraShape.json,
  };
}

/** Returns the schema as the text of a file. */
export function schemaText(): string {
  return `${JSON.stringify(infraJsonSchema(), null, 2)}\n`;
}
