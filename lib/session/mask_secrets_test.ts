import assert from "node:assert/strict";
import { maskSecrets } from "./mask_secrets.ts";

const TEXT = `project_name: lab
domains:
  auth:
    description: "who may log in"
    machines:
      token-server:
        config: { environment.DB: "LEAK1", user.note: LEAK2, limits.cpu: "2" }
        vars:
          db_password: LEAK3 # why
          deep: { keys: [ LEAK4, LEAK5 ], plain: visible }
          pem: |
            -----BEGIN PRIVATE KEY-----
            LEAK6
          url: https://me:LEAK7@host
`;

Deno.test("maskSecrets() leaves no secret, and everything else where it was", () => {
  const { text } = maskSecrets({ file: "infra.yml", text: TEXT });
  assert.doesNotMatch(text, /LEAK/);
  const widths = (each: string) => each.split("\n").map(({ length }) => length);
  assert.deepEqual(widths(text), widths(TEXT));
  for (
    const kept of [
      /"who may log in"/,
      /plain: visible/,
      /limits\.cpu: "2"/,
      /token-server:/,
      /# why/,
    ]
  ) {
    assert.match(text, kept);
  }
});

Deno.test("maskSecrets() does so line by line where the text is no YAML", () => {
  const broken = `${TEXT}  ]: }\n\tx_token: LEAK8\n`;
  const { text } = maskSecrets({ file: "infra.yml", text: broken });
  assert.doesNotMatch(text, /LEAK[1238]/);
  assert.equal(text.length, broken.length);
});
