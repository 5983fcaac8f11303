/** Query parameters. Undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Builds a request path in which every value is one encoded component: ``
 * apiPath`/1.0/networks/${name}` ``. Throws for a name such as `..`, which a URL would resolve
 * away.
 */
export function apiPath(strings: TemplateStringsArray, ...values: readonly string[]): string {
  let path = strings[0] ?? "";
  values.forEach((value, index) => {
    if (value === "" || value === "." || value === "..") {
      throw new TypeError(`not a name: ${JSON.stringify(value)}`);
    }
    path += encodeURIComponent(value) + (strings[index + 1] ?? "");
  });
  return path;
}

/** Returns `path?a=1&b=2`. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
