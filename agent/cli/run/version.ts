import type { Answer } from '../command.js';
import { VERSION } from '../version.js';

export async function run(): Promise<Answer> {
  const node = process.version;
  return { document: { name: 'berth', version: VERSION, node }, text: `berth ${VERSION} node ${node}\n` };
}
