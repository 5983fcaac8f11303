/**
 * Sorts names by the numbers in them: `pc2` before `pc10`. New domains and machines get addresses
 * in this order and not in the order of the file. So rearranging `infra.yml` before the first apply
 * changes nothing.
 */
export function inNaturalOrder<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: keyOf(item.name) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
    .map(({ item }) => item);
}

function keyOf(name: string): string {
  // NUL sorts before every character of a name, so `pc` comes before `pc-a`.
  return `${name.replace(/\d+/g, (digits) => digits.padStart(63, "0"))}\0${name}`;
}
