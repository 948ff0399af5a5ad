// The editor of a person, as git and kubectl start it: a line for the shell, on this terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The exit code; 128 and the signal where one has ended it. */
export async function edit(path: string, env: NodeJS.ProcessEnv): Promise<number> {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  const child = spawn('/bin/sh', ['-c', `${editor} "$@"`, editor, path], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 128;
}
