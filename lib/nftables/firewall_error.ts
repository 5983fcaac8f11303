import { ExpectedError } from "../diag/expected_error.ts";

/** The reason why the firewall could not be read or set. */
export type FirewallFault =
  /** nft (or unshare) is not installed. */
  | "missing-program"
  /** Not root. */
  | "not-permitted"
  /** nft refused the script, or the kernel lacks something. */
  | "refused"
  /** A table of this name belongs to another infra, or has no known owner. */
  | "foreign-table"
  /** The live rules differ from the rendered ones. */
  | "differs"
  /** In the admin container: the host's unit is not there, or did not answer. */
  | "unanswered"
  /** A file of the boot-time set could not be written, or systemd did not accept it. */
  | "not-persisted";

/** The firewall is not as it must be: no machine may be started. */
export class FirewallError extends ExpectedError {
  override readonly name = "FirewallError";

  /**
   * @param message what could not be done, and nft's own message
   * @param remedy what the user can do about it
   */
  constructor(
    readonly fault: FirewallFault,
    message: string,
    override readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, remedy, options);
  }
}
