/**
 * Section of `requirements.yml`: the tree's own needs. The list comes last and stays open: the user
 * adds collections right below the section.
 */
export const REQUIREMENTS = [
  "# `anklume roles install` (or `ansible-galaxy install -r requirements.yml`) gets what is listed into",
  "# collections/ and roles/ of this workspace. Where there is no network, unpack it there instead.",
  "# Your own collections go right below END MANAGED, as further items of this list.",
  "collections:",
  "  - name: community.general",
  '    version: ">=8.2.0"',
].map((line) => line + "\n").join("");

export const REQUIREMENTS_PLACES = {
  after: "  # - name: community.docker\n\n" +
    "# Your own roles go here:\n# roles:\n#   - name: geerlingguy.ntp\n",
} as const;
