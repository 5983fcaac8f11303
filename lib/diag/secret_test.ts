import assert from "node:assert/strict";
import { isSecretName, looksSecret } from "./secret.ts";

Deno.test("isSecretName() knows names by their words, however they are written", () => {
  for (
    const name of [
      "db_password",
      "DB_PASSWD",
      "dbpassword",
      "api-key",
      "apiKey",
      "AWS_SECRET_ACCESS",
      "authToken",
      "ssh_private_key",
      "credentials",
      "auth",
      "passphrase",
      "vault_pin",
    ]
  ) assert.ok(isSecretName(name), name);
  for (
    const name of ["timezone", "keyboard_layout", "author", "monkey", "packages", "compass", ""]
  ) {
    assert.ok(!isSecretName(name), name);
  }
});

Deno.test("looksSecret() knows keys, vaults, hashes, tokens, passwords in URLs and random text", () => {
  for (
    const value of [
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END",
      "$ANSIBLE_VAULT;1.1;AES256\n6162",
      "$6$rounds=5000$salt$hash",
      "https://user:word@host/path",
      "postgres://app:pw@db/x",
      "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
      "ghp_0123456789abcdefghij",
      "AKIAIOSFODNN7EXAMPLE",
      "kd93JfLs9QpzX72mVbTr",
      "d41d8cd98f00b204e9800998ecf8427e",
    ]
  ) assert.ok(looksSecret(value), value);
  for (
    const value of [
      "Europe/Paris",
      "images:debian/13",
      "/usr/lib/python3/dist-packages/ansible",
      "https://mirror.lab:8443/debian",
      "65c729c9-d991-4707-887c-5feaa7790a53",
      "10:66:6a:01:02:03",
      "a plain sentence of several words, as people write it",
      "community.general.incus",
    ]
  ) assert.ok(!looksSecret(value), value);
});
