/** Which clients there are: how each is installed into a folder that stays, and how its driver is started. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { installClients, KAFKA_TOOLS, once, run } from '../../bench/kafka/tools.ts';

const KAFKA_PYTHON = '3.0.12';
const WITH_CODECS = ['zstandard==0.25.0', 'lz4==4.4.5', 'python-snappy==0.7.3', 'crc32c==2.9.post0'];

export interface Client {
  readonly name: string;
  readonly version: string;
  /** Stands in no column of its own. */
  readonly onlyReads?: true;
  /** The driver's command. */
  readonly command: readonly string[];
}

const here = (path: string): string => join(import.meta.dirname, path);

/** @param say is told what takes long. */
export function installAll(into: string, say: (text: string) => void): Client[] {
  const folder = resolve(into);
  mkdirSync(folder, { recursive: true });
  return [
    { name: 'Java client', version: KAFKA_TOOLS, command: java(folder, say) },
    ...go(folder),
    { name: 'kafka-python', version: KAFKA_PYTHON, command: python(folder, say) },
    { name: 'kcat', version: '1.7.1', command: kcat(folder, say), onlyReads: true },
  ];
}

function java(folder: string, say: (text: string) => void): string[] {
  const jars = installClients(folder, say);
  const classes = join(folder, 'java-driver');
  run('javac', ['-cp', jars, '-d', classes, here('java/Driver.java')]);
  return ['java', '-Xmx256m', '-cp', `${classes}:${jars}`, 'Driver'];
}

function go(folder: string): Client[] {
  const program = join(folder, 'go-driver');
  run('go', ['build', '-o', program, '.'], { cwd: here('go') });
  const required = readFileSync(here('go/go.mod'), 'utf8');
  const version = (path: string): string => new RegExp(`${path} v(\\S+)`).exec(required)?.[1] ?? 'unknown';
  return [
    { name: 'franz-go', version: version('twmb/franz-go'), command: [program, 'franz'] },
    { name: 'sarama', version: version('IBM/sarama'), command: [program, 'sarama'] },
  ];
}

function python(folder: string, say: (text: string) => void): string[] {
  const environment = join(folder, 'kafka-python');
  const program = join(environment, 'bin', 'python');
  if (!existsSync(program)) {
    say(`installing kafka-python into ${folder}`);
    run('python3', ['-m', 'venv', environment]);
    run(program, ['-m', 'pip', 'install', '-q', `kafka-python==${KAFKA_PYTHON}`, ...WITH_CODECS]);
  }
  return [program, here('python/driver.py')];
}

/** Debian's, beside the libraries that it wants, without installing it. */
function kcat(folder: string, say: (text: string) => void): string[] {
  once(folder, 'kcat', say, (target) => {
    for (const name of ['kcat', 'librdkafka1', 'libyajl2']) run('apt-get', ['download', '-qq', name], { cwd: target });
    for (const name of readdirSync(target)) run('dpkg-deb', ['-x', name, '.'], { cwd: target });
  });
  const libraries = readdirSync(join(folder, 'kcat/usr/lib')).map((name) => join(folder, 'kcat/usr/lib', name));
  return [
    'env',
    `LD_LIBRARY_PATH=${libraries.join(':')}`,
    'python3',
    here('python/kcat.py'),
    join(folder, 'kcat/usr/bin/kcat'),
  ];
}
