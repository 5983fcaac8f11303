/** Returns `a`, `b` or `c`, each in backquotes. */
export function quotedList(words: readonly string[], conjunction = "or"): string {
  const quoted = words.map((word) => `\`${word}\``);
  const last = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} ${conjunction} ${last}`;
}

/**
 * Shortens a user's text for a message: one line, without control characters or invalid characters,
 * not too long.
 */
export function shortenName(word: string): string {
  const visible = word.toWellFormed().replace(/\p{Cc}/gu, "\uFFFD");
  return visible.length <= 60 ? visible : `${visible.slice(0, 57)}…`;
}
