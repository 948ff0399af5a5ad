// The table for people who come from docker is what the tasks of a day do (test/agent/daily-tasks.ts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Command } from '../../agent/cli/command.js';
import { find } from '../../agent/cli/parse.js';
import { COMMANDS } from '../../agent/cli/table/all.js';
import { DOCS } from '../../docs/generate.js';
import { DAILY_TASKS, type DailyTask } from '../agent/daily-tasks.js';

interface Row {
  /** Lines of docker and kubectl, and lines of berth. */
  readonly theirs: readonly string[];
  readonly ours: readonly string[];
}

const spans = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

function rowsOf(markdown: string): Row[] {
  return markdown.split('\n').flatMap((line) => {
    const [, left = '', right = ''] = line.split(/\s*\|\s*/);
    const theirs = spans(left);
    if (theirs.length === 0) return [];
    const same = /the same options? of `berth run`/.test(right)
      ? theirs.map((text) => text.replace(/^docker run/, 'berth run'))
      : [];
    return [{ theirs, ours: [...same, ...spans(right).filter((text) => text.startsWith('berth '))] }];
  });
}

interface Line {
  /** Its summary, which it shares with its short names. */
  readonly command: string;
  readonly options: readonly string[];
}

/** The commands of berth in a line of a shell. */
function linesOf(text: string): Line[] {
  return [...text.matchAll(/\bberth ([^&|;]*)/g)].flatMap(([, rest = '']) => {
    const words = rest.split(/\s+/);
    const found = find(COMMANDS, words);
    if (found === undefined) return [];
    const own = words.slice(0, words.includes('--') ? words.indexOf('--') : undefined);
    return [{ command: found.summary, options: own.flatMap((word) => optionsOf(found, word)) }];
  });
}

function optionsOf({ options }: Command, word: string): string[] {
  const long = /^--([a-z-]+)/.exec(word)?.[1];
  if (long !== undefined) return [long];
  const letters = /^-([a-z]+)$/.exec(word)?.[1] ?? '';
  return [...letters].flatMap((letter) => options.find(({ short }) => short === letter)?.name ?? []);
}

/** What is typed is at least what some line of the document says. */
function isToldBy(task: DailyTask, rows: readonly Row[]): boolean {
  const typed = linesOf(task.typed);
  return rows
    .filter(({ theirs }) => theirs.some((text) => text.startsWith(task.instead)))
    .flatMap(({ ours }) => ours.flatMap(linesOf))
    .some((told) =>
      typed.some(
        ({ command, options }) => command === told.command && told.options.every((option) => options.includes(option)),
      ),
    );
}

const ROWS = rowsOf(readFileSync(join(DOCS, 'coming-from-docker.md'), 'utf8'));

test('every task of a day stands in the document as it is typed', (t) => {
  t.true(ROWS.length > 50);
  t.true(DAILY_TASKS.length >= 40);
  t.deepEqual(
    DAILY_TASKS.filter((task) => !isToldBy(task, ROWS)),
    [],
  );
});

test('a document that says another command or option is noticed', (t) => {
  const told = (row: string): boolean =>
    isToldBy({ instead: 'docker ps -a', typed: 'berth ls -o id', says: /./ }, rowsOf(row));
  t.true(told('| `docker ps -a` | `berth workload list` |'));
  t.true(told('| `docker ps -a` | `berth ps --output wide` |'));
  t.false(told('| `docker ps -a` | `berth workload show` |'));
  t.false(told('| `docker ps -a` | `berth workload list --watch` |'));
  t.false(told('| `docker ps` | `berth workload list` |'));
});
