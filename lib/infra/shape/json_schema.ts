import { infraShape } from "./schema.ts";
import type { JsonSchema } from "./shape.ts";

/** JSON Schema of infra.yml for editors: made from the very shapes that `parseInfra` reads with. */
export function infraJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "anklume infra.yml",
    description: "Isolated domains of containers and virtual machines on one host",
    ...infraShape.json,
  };
}

/** The same as a file's text. */
export function schemaText(): string {
  return `${JSON.stringify(infraJsonSchema(), null, 2)}\n`;
}
