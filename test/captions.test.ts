/** Judges the README against what it describes: the folder map against the folders, the settings against their table. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { settingDescriptions } from '../src/settings.ts';
import { root, tree } from './source.ts';

/** Folders of the map: the first code block under "## Folder map", children indented by two blanks, then the caption. */
function readMap(readme: string): Map<string, string> {
  const section = readme.split(/^## /m).find((text) => text.startsWith('Folder map\n')) ?? '';
  const block = /^```\w*\n([\s\S]*?)^```/m.exec(section)?.[1] ?? '';
  const captions = new Map<string, string>();
  const above: string[] = [];
  for (const line of block.split('\n')) {
    const [, indent = '', name, caption] = /^( *)([\w.-]+\/)(?: +(.*))?$/.exec(line) ?? [];
    if (name === undefined) continue;
    above.length = indent.length / 2;
    captions.set(above.join('') + name, caption ?? '');
    above.push(name);
  }
  return captions;
}

/** Folders under test/ that mirror a folder of the code need no caption: they have its name. */
const needsCaption = (folder: string, folders: readonly string[]): boolean =>
  !folders.some((other) => `test/${other}` === folder) && !folder.includes('/fixtures/');

/** `folders` as tree() gives them, ending with a slash. */
function judgeMap(captions: ReadonlyMap<string, string>, folders: readonly string[]): string[] {
  const code = folders.map((folder) => folder.replace(/^src\//, ''));
  return [
    ...[...captions.keys()].filter((one) => !folders.includes(one)).map((one) => `${one} is on the map and not there`),
    ...folders
      .filter((one) => !captions.has(one) && needsCaption(one, [...code, ...folders]))
      .map((one) => `${one} is there and not on the map`),
    ...[...captions].filter(([, caption]) => caption.length < 10).map(([one]) => `${one} has no caption`),
  ];
}

test('the folder map of the README shows the folders there are', (t) => {
  const captions = readMap(readFileSync(join(root, 'README.md'), 'utf8'));
  t.true(captions.size > 5);
  const folders = tree().filter(
    (path, _index, all) => path.endsWith('/') && all.some((one) => one.startsWith(path) && !one.endsWith('/')),
  );
  t.deepEqual(judgeMap(captions, folders), []);
});

test('the judge sees a folder without caption, a caption without folder, and an empty caption', (t) => {
  const readme = (map: string): string => `# X\n\n## Folder map\n\nText.\n\n\`\`\`text\n${map}\`\`\`\n\n## Next\n`;
  const map = readme(
    'src/      Decides what happens.\n  model/  Nouns that all share.\n  notes.ts  A file.\ntest/     Judges all of it.\n',
  );
  const folders = ['src/', 'src/model/', 'test/', 'test/model/'];
  t.deepEqual(judgeMap(readMap(map), folders), []);
  t.deepEqual(judgeMap(readMap(map), [...folders, 'src/log/', 'attic/', 'test/bench/']), [
    'src/log/ is there and not on the map',
    'attic/ is there and not on the map',
    'test/bench/ is there and not on the map',
  ]);
  t.deepEqual(judgeMap(readMap(map), ['src/', 'test/']), ['src/model/ is on the map and not there']);
  t.deepEqual(judgeMap(readMap(readme('src/\n')), ['src/']), ['src/ has no caption']);
  t.is(readMap('# X\n').size, 0);
});

test('the README lists every setting with its default', (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `([\w.]+)` \| (.*) \| (.*) \|$/gm)].map(([, ...cells]) => cells.join(' | '));
  const expected = settingDescriptions.map(({ key, defaultText, description }) =>
    [key, defaultText, description].join(' | '),
  );
  t.deepEqual(rows, expected);
});

test('every file that the README names is there, and every stop of the journey has its function', (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const files = new Set(tree());
  const named = [...readme.matchAll(/`((?:src|actors|runtime|test)\/[\w./-]+\.ts)`/g)].map(([, path]) => path ?? '');
  t.true(named.length > 15);
  t.deepEqual(
    named.filter((path) => !files.has(path)),
    [],
  );
  const stops = [...readme.matchAll(/^\| \d+ \| `([^`]+)` \| `(\w+)` \|/gm)];
  t.true(stops.length > 10);
  const missing = stops.filter(([, path = '', name = '']) => {
    const method = new RegExp(`^  #?${name}(<[^>]*>)?\\(`, 'm');
    return !method.test(readFileSync(join(root, path), 'utf8'));
  });
  t.deepEqual(
    missing.map(([row]) => row),
    [],
  );
});
