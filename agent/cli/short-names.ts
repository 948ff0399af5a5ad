// The words that fingers know: `berth logs web-1` is `berth workload logs web-1`, as `docker logs` is `docker container logs`.
import type { Command } from './command.js';

/** Names of docker and of the shell, beside the verb of the command itself. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  list: ['ls', 'ps'],
  delete: ['rm'],
  show: ['inspect'],
};

/** Commands about workloads by one word. A word that begins another command keeps its meaning. */
export function shortNames(commands: readonly Command[]): Command[] {
  const taken = new Set(commands.map(({ path }) => path[0]));
  return commands.flatMap((command) => {
    const [group, verb, ...more] = command.path;
    if (group !== 'workload' || verb === undefined || more.length > 0) return [];
    return [verb, ...(OTHER_NAMES[verb] ?? [])]
      .filter((word) => !taken.has(word))
      .map((word) => called(command, [word]));
  });
}

/** Of the verbs of every group, beside the verb itself. */
const IN_EVERY_GROUP: Readonly<Record<string, string>> = { list: 'ls', delete: 'rm' };

/** `berth volume ls` is `berth volume list`. */
function namesInGroups(commands: readonly Command[]): Command[] {
  return commands.flatMap((command) => {
    const [group, verb, ...more] = command.path;
    const other = verb === undefined || more.length > 0 ? undefined : IN_EVERY_GROUP[verb];
    return group === undefined || other === undefined ? [] : [called(command, [group, other])];
  });
}

/** All other names of commands. */
export function otherNames(commands: readonly Command[]): Command[] {
  return [...shortNames(commands), ...namesInGroups(commands)];
}

function called(command: Command, path: readonly string[]): Command {
  return { ...command, path, details: [`Short for \`berth ${command.path.join(' ')}\`.`, ...command.details] };
}

/** For the overview. */
export function shortNamesLine(): string {
  return '`workload` may be left out: `berth logs ID` is `berth workload logs ID`. `berth ls` and `berth ps` are `berth workload list`, `berth rm` is `delete`, `berth inspect` is `show`. In every group `ls` is `list` and `rm` is `delete`.';
}
