/** A name that contains one of these words probably belongs to a secret. */
const WORDS = new Set(
  ("password passwords passwd passphrase pass pwd pw secret secrets token tokens key keys private credential credentials " +
    "cred creds auth authorization bearer cookie api apikey vault pin otp totp seed salt psk")
    .split(" "),
);
/** The same for words that are joined, such as `dbpassword`. */
const PARTS = /passw(or)?d|passphrase|secret|token|credential|apikey|privkey/i;

/**
 * True if a value with this name is probably a secret: `db_password`, `api-key`, `AWS_SECRET`,
 * `authToken`.
 */
export function isSecretName(name: string): boolean {
  if (PARTS.test(name)) return true;
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z]+/);
  return words.some((word) => WORDS.has(word));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/**
 * Keys and certificates, Ansible's vault, hashes in the format of crypt(3), JSON web tokens, tokens
 * with a known prefix.
 */
const KNOWN =
  /-----BEGIN |\$ANSIBLE_VAULT|^\$[0-9a-z]+\$|\beyJ[\w-]{8,}\.|\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|sk-)\w{8,}/;
/** `https://user:password@host` */
const IN_URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s/@]+@/i;

/** True if a value looks like a secret. A secret with an ordinary name is then hidden too. */
export function looksSecret(value: string): boolean {
  if (KNOWN.test(value) || IN_URL.test(value)) return true;
  return (value.match(/[\w+/=-]{20,}/g) ?? []).some(isRandom);
}

/**
 * True if a text is long, mixes several kinds of characters, and does not look written by a person.
 */
function isRandom(text: string): boolean {
  if (UUID.test(text)) return false;
  if (/^[0-9a-f]{32,}$/i.test(text)) return true;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((kind) => kind.test(text)).length;
  return kinds === 3 && new Set(text).size >= 12 && !/[a-z]{8}/.test(text);
}
