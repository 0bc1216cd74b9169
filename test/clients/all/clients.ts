/** Which clients there are: how each is installed into a folder that stays, and how its driver is started. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { installClients, KAFKA_TOOLS, once, run } from '../../bench/kafka/tools.ts';

const KAFKA_PYTHON = '3.0.12';
const CONFLUENT_KAFKA = '2.16.1';
const KAFKA_JAVASCRIPT = '1.10.1';
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
    { name: 'confluent-kafka', version: CONFLUENT_KAFKA, command: confluent(folder, say) },
    { name: 'kafka-javascript', version: KAFKA_JAVASCRIPT, command: javascript(folder, say) },
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
  const program = pythonWith(folder, 'kafka-python', [`kafka-python==${KAFKA_PYTHON}`, ...WITH_CODECS], say);
  return [program, here('python/driver.py')];
}

/** librdkafka, which the wheel brings along. */
function confluent(folder: string, say: (text: string) => void): string[] {
  const program = pythonWith(folder, 'confluent-kafka', [`confluent-kafka==${CONFLUENT_KAFKA}`], say);
  return [program, here('python/librdkafka.py')];
}

function pythonWith(folder: string, name: string, packages: readonly string[], say: (text: string) => void): string {
  const environment = join(folder, name);
  const program = join(environment, 'bin', 'python');
  if (!existsSync(program)) {
    say(`installing ${name} into ${folder}`);
    run('python3', ['-m', 'venv', environment]);
    run(program, ['-m', 'pip', 'install', '-q', ...packages]);
  }
  return program;
}

/**
 * @confluentinc/kafka-javascript, built from the sources in its package, librdkafka included: its releases are not in the
 * registry. By the Node.js of this machine, whose headers are there, not the one that runs this.
 */
function javascript(folder: string, say: (text: string) => void): string[] {
  const path = (process.env.PATH ?? '').split(':').filter((place) => !place.endsWith('node_modules/.bin'));
  const env = { ...process.env, PATH: path.join(':') };
  const home = join(folder, 'kafka-javascript');
  once(folder, 'kafka-javascript', say, (target) => {
    run('npm', ['pack', '--silent', `@confluentinc/kafka-javascript@${KAFKA_JAVASCRIPT}`], { cwd: target, env });
    run('tar', ['xzf', `confluentinc-kafka-javascript-${KAFKA_JAVASCRIPT}.tgz`], { cwd: target });
    debian(target, ['libzstd-dev']);
    const built = join(target, 'librdkafka');
    const [headers, library] = [join(target, 'usr/include'), join(target, 'usr/lib', `${machine()}-linux-gnu`)];
    const sources = {
      cwd: join(target, 'package/deps/librdkafka'),
      env: { ...env, CPATH: headers, LIBRARY_PATH: library },
    };
    run('./configure', [`--prefix=${built}`, '--disable-gssapi', '--disable-curl', '--disable-lz4-ext'], sources);
    run('make', ['-j2', 'libs'], sources);
    for (const part of ['src', 'src-cpp']) run('make', ['-C', part, 'install'], sources);
    const client = { CPATH: join(built, 'include/librdkafka'), LIBRARY_PATH: join(built, 'lib') };
    run('npm', ['install', '--prefix', target, `@confluentinc/kafka-javascript@${KAFKA_JAVASCRIPT}`], {
      cwd: target,
      env: { ...env, ...client, LD_LIBRARY_PATH: client.LIBRARY_PATH, BUILD_LIBRDKAFKA: '0' },
    });
  });
  const libraries = `LD_LIBRARY_PATH=${join(home, 'librdkafka/lib')}`;
  return ['env', `PATH=${env.PATH}`, libraries, 'node', here('javascript/driver.mjs'), home];
}

const machine = (): string => run('uname', ['-m']).trim();

/** Debian's packages, unpacked without being installed. */
function debian(target: string, packages: readonly string[]): void {
  for (const name of packages) run('apt-get', ['download', '-qq', name], { cwd: target });
  for (const name of readdirSync(target).filter((file) => file.endsWith('.deb')))
    run('dpkg-deb', ['-x', name, '.'], { cwd: target });
}

/** Debian's, beside the libraries that it wants, without installing it. */
function kcat(folder: string, say: (text: string) => void): string[] {
  once(folder, 'kcat', say, (target) => {
    debian(target, ['kcat', 'librdkafka1', 'libyajl2']);
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
