import { run } from "./lib/command/run.ts";
import { exit, programArgs } from "./lib/host/terminal.ts";

exit(await run(programArgs()));
