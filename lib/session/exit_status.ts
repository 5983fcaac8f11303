/** The exit statuses of anklume. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** The input or the command line is wrong; nothing was changed. */
  wrongInput: 2,
  /** `check --exit-code`: apply would change something. */
  pending: 3,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitStatus = typeof EXIT[keyof typeof EXIT];

/** 128 + SIGPIPE, for verbs that run the user's programs: the reader of the output is gone. */
export const BROKEN_PIPE = 141;
