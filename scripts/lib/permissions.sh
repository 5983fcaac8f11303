# shellcheck shell=bash
# scripts/lib/permissions.txt as arguments: one source for the binary and for a run from source.

# permission_flags [DIRECTORY]: prints one flag per line; DIRECTORY is readable too (the checkout,
# whose files the binary embeds).
permission_flags() {
  local line
  while IFS= read -r line; do
    [[ $line == --* ]] || continue
    if [[ $line == --allow-read=* && -n ${1:-} ]]; then line+=,$1; fi
    printf '%s\n' "$line"
  done <"$SCRIPTS/lib/permissions.txt"
}
