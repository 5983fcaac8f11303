/** What the process answers to its shell. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** The input or the command line is wrong; nothing was touched. */
  wrongInput: 2,
  /** `check --exit-code`: apply would change something. */
  pending: 3,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitStatus = typeof EXIT[keyof typeof EXIT];

/** 128 + SIGPIPE, from what runs programs of others: nobody reads any more. */
export const BROKEN_PIPE = 141;
