import { Argument, type Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type Choose, examples } from "../verb.ts";

export function addCompletions(program: Command, choose: Choose, session: Session): void {
  program.command("completions")
    .summary("shell completion for bash, zsh or fish")
    .description("Prints a completion script. The script asks anklume for domains and commands.")
    .addArgument(new Argument("<shell>", "your shell").choices(["bash", "zsh", "fish"] as const))
    .addHelpText(
      "after",
      examples(
        ["source <(anklume completions bash)", "for this shell"],
        ["anklume completions fish > ~/.config/fish/completions/anklume.fish", ""],
      ),
    )
    .action((shell) =>
      choose(async () => (await import("./completions.ts")).completions(shell, session))
    );
}

/** Adds the command that the completion scripts call: `anklume complete -- apply --domain pr`. */
export function addComplete(program: Command, choose: Choose): void {
  program.command("complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action((words) =>
      choose(async () => (await import("./completions.ts")).complete(words, program))
    );
}
