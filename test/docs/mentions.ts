// What texts tell a person to type or to look at, found in all of them: documents, units, alerts, and the strings and comments
// of the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const ROOMS = ['agent', 'protocol', 'cgroups', 'netns', 'systemd', 'linux', 'dashboards', 'docs'];
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'test/README.md'];

export interface Mention {
  /** File, and the text itself. */
  readonly where: string;
  readonly text: string;
}

/** Every text of the project that a person reads, by its path. */
export function texts(): ReadonlyMap<string, string> {
  const kinds = /\.(md|ts|yaml|yml|service|slice|preset|toml)$|README\.Debian$|deb\/default$/;
  const inRooms = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => kinds.test(name))
      .map((name) => `${room}/${name}`),
  );
  return new Map([...DOCUMENTS, ...inRooms].map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** Code in running text: between backticks, escaped ones of template strings, too. */
function spans(text: string): string[] {
  return [...text.matchAll(/\\?`([^`\n\\]{2,160})\\?`/g)].map((match) => (match[1] ?? '').trim());
}

/** Lines of code blocks: fenced, or indented by four blanks in Markdown and README.Debian. */
function blocks(text: string): string[] {
  const lines: string[] = [];
  let fenced = false;
  for (const line of text.split('\n')) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    else if (fenced || /^ {4}\S/.test(line)) lines.push(line.trim().replace(/^\$ /, ''));
  }
  return lines;
}

/** All code in all texts. A line with several commands is several. */
export function mentions(): Mention[] {
  return [...texts()].flatMap(([path, text]) => {
    const isDocument = /\.md$|README\.Debian$/.test(path);
    return [...spans(text), ...(isDocument ? blocks(text) : [])]
      .flatMap((one) => one.split(/\s(?:\|\|?|&&|;)\s/))
      .map((one) => ({
        where: path,
        text: one
          .trim()
          .replace(/^sudo /, '')
          .replace(/\s+#.*$/, ''),
      }));
  });
}
