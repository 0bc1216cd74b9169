/** Puts the figures of a run between the marks of a Markdown file, so that nobody copies them by hand. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** What can be put into a file: between the lines `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, which hold nothing else. */
export type Parts = Readonly<Record<'summary' | 'figures', string>>;

const marks = (name: string): readonly [string, string] => [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];

/** Refuses before anything is measured what could not be pasted after it. */
export function checkMarks(path: string): void {
  if (existsSync(path)) paste(readFileSync(path, 'utf8'), { summary: '', figures: '' });
}

/** A file that is not there yet gets all of it. */
export function pasteInto(path: string, parts: Parts): void {
  const text = existsSync(path) ? paste(readFileSync(path, 'utf8'), parts) : `${parts.summary}\n\n${parts.figures}\n`;
  writeFileSync(path, text);
}

export function paste(text: string, parts: Parts): string {
  let pasted = text;
  let found = 0;
  for (const [name, part] of Object.entries(parts)) {
    const [begin, end] = marks(name);
    const lines = pasted.split('\n');
    const from = lines.indexOf(begin);
    const to = lines.indexOf(end);
    if (from < 0 && to < 0) continue;
    if (from < 0 || to < from) throw new Error(`${begin} and ${end} do not belong together`);
    found++;
    pasted = [...lines.slice(0, from + 1), part, ...lines.slice(to)].join('\n');
  }
  if (found === 0) throw new Error(`neither ${marks('summary')[0]} nor ${marks('figures')[0]} is there`);
  return pasted;
}
