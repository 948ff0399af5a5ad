// The words that fingers know: `berth logs web-1` is `berth workload logs web-1`, as `docker logs` is `docker container logs`.
import type { Command } from './command.js';

/** Names of docker and of the shell, beside the verb of the command itself. */
export const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
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
      .map((word) => ({
        ...command,
        path: [word],
        details: [`Short for \`berth ${command.path.join(' ')}\`.`, ...command.details],
      }));
  });
}

/** For the overview. */
export function shortNamesLine(): string {
  const others = Object.entries(OTHER_NAMES).map(([verb, names]) => `${names.join(' and ')} for ${verb}`);
  return `\`workload\` may be left out: \`berth logs ID\` is \`berth workload logs ID\`. Also ${others.join(', ')}.`;
}
