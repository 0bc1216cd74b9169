/**
 * Transcripts: a scenario in prose, with commands and the world as it is printed after each. A file is blocks between
 * blank lines; a block that begins with `>` is a command and what was printed, any other is prose. With
 * REWRITE_SCRIPTS=1 the files are written anew from what is printed now: read the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

/** Carries out one command, given as its words, and prints the world. */
export type Interpreter = (words: readonly string[]) => string;

/** One test for each transcript of a folder beside this file, named by the file. */
export function judgeTranscripts(folder: string, begin: () => Interpreter): void {
  const path = join(import.meta.dirname, folder);
  for (const file of readdirSync(path).sort()) {
    test(`${folder}: ${file.replace(/\.txt$/, '').replaceAll('-', ' ')}`, (t) => {
      const script = readFileSync(join(path, file), 'utf8');
      const played = play(script, begin());
      if (process.env.REWRITE_SCRIPTS === '1') writeFileSync(join(path, file), played);
      else t.is(played, script);
      t.regex(script, /^> /m, 'a transcript has commands');
    });
  }
}

function play(script: string, interpret: Interpreter): string {
  const blocks = script.trimEnd().split(/\n\n+/);
  const played = blocks.map((block) => {
    if (!block.startsWith('> ')) return block;
    const [command = ''] = block.split('\n');
    return `${command}\n${interpret(command.slice(2).trim().split(/\s+/))}`;
  });
  return `${played.join('\n\n')}\n`;
}
