/**
 * Installs what the comparison needs into a folder that stays: Apache Kafka and its Java tools (Maven Central), the load
 * tool of librdkafka (its source from Debian, its headers from npm, the library from PyPI), and the Go client beside this
 * file. What is there already is left as it is.
 */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const KAFKA = '4.4.0';
/** The newest whose tools are published; the interface of the tools that the broker's jars name is taken from it, too. */
export const KAFKA_TOOLS = '4.3.1';
const LOG4J = '2.25.5';
const LIBRDKAFKA_SOURCE = '@confluentinc/kafka-javascript@1.10.1';
const LIBRDKAFKA_LIBRARY = 'confluent-kafka==2.16.1';

export interface Tools {
  readonly folder: string;
  /** Class paths. */
  readonly broker: string;
  readonly clients: string;
  /** Programs. */
  readonly performance: string;
  readonly latency: string;
  readonly logging: string;
}

/** @param say is told what takes long. */
export function install(into: string, say: (text: string) => void): Tools {
  const folder = resolve(into);
  mkdirSync(folder, { recursive: true });
  once(folder, 'broker', say, (target) => maven(target, brokerPom()));
  const clients = installClients(folder, say);
  once(folder, 'librdkafka', say, buildPerformance);
  const latency = join(folder, 'latency');
  run('go', ['build', '-o', latency, '.'], { cwd: import.meta.dirname });
  const logging = join(folder, 'log4j2.properties');
  writeFileSync(logging, LOGGING);
  return {
    folder,
    broker: join(folder, 'broker', '*'),
    clients,
    performance: join(folder, 'librdkafka', 'rdkafka_performance'),
    latency,
    logging,
  };
}

/** @returns the class path of the Java client and of Kafka's command line tools. */
export function installClients(folder: string, say: (text: string) => void): string {
  once(folder, 'tools', say, (target) => maven(target, toolsPom()));
  return join(folder, 'tools', '*');
}

/** A folder is there whole or not at all. */
export function once(folder: string, name: string, say: (text: string) => void, make: (target: string) => void): void {
  const target = join(folder, name);
  if (existsSync(target)) return;
  say(`installing ${name} into ${folder}`);
  const unfinished = `${target}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  make(unfinished);
  renameSync(unfinished, target);
}

export function run(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const done = spawnSync(program, args, { maxBuffer: 1 << 26, ...options, encoding: 'utf8' });
  if (done.error !== undefined) throw new Error(`${program} is needed: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

const dependency = (group: string, name: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;

const APACHE = 'org.apache.kafka';
const log4j = dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J);

const pom = (dependencies: string, managed: string): string => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>callboard</groupId><artifactId>peer</artifactId><version>1</version><packaging>pom</packaging>
  <dependencyManagement><dependencies>${managed}</dependencies></dependencyManagement>
  <dependencies>${dependencies}${log4j}</dependencies>
</project>
`;

const brokerPom = (): string =>
  pom(dependency(APACHE, 'kafka_2.13', KAFKA), dependency(APACHE, 'kafka-tools-api', KAFKA_TOOLS));

const toolsPom = (): string =>
  pom(dependency(APACHE, 'kafka-tools', KAFKA_TOOLS) + dependency(APACHE, 'kafka_2.13', KAFKA_TOOLS), '');

function maven(target: string, text: string): void {
  writeFileSync(join(target, 'pom.xml'), text);
  run('mvn', ['-q', '-B', '-f', 'pom.xml', 'dependency:copy-dependencies', '-DoutputDirectory=.'], { cwd: target });
}

/** Release builds of the library differ in speed from what a plain `gcc -O2` makes of it: the published one is taken. */
function buildPerformance(target: string): void {
  const inside = { cwd: target };
  run('npm', ['pack', '--silent', LIBRDKAFKA_SOURCE], inside);
  run('pip', ['download', '-q', '--no-deps', '--only-binary=:all:', LIBRDKAFKA_LIBRARY], inside);
  // Lists of packages may be older than the mirror; where they cannot be fetched, the download says so.
  spawnSync('apt-get', ['update', '-qq']);
  run('apt-get', ['download', '-qq', 'librdkafka-dev'], inside);
  const file = (pattern: RegExp, folder = ''): string => {
    const found = readdirSync(join(target, folder)).find((name) => pattern.test(name));
    if (found === undefined) throw new Error(`nothing in ${join(target, folder)} is called ${pattern}`);
    return found;
  };
  run('tar', ['xzf', file(/kafka-javascript.*\.tgz$/)], inside);
  run('dpkg-deb', ['-x', file(/^librdkafka-dev.*\.deb$/), 'debian'], inside);
  run('python3', ['-m', 'zipfile', '-e', file(/^confluent_kafka.*\.whl$/), 'wheel'], inside);
  const library = file(/^librdkafka-.*\.so\.1$/, 'wheel/confluent_kafka.libs');
  renameSync(join(target, 'wheel/confluent_kafka.libs', library), join(target, library));
  // The example asks for "../src/…" and for a config.h that only the library's own build makes.
  run('mkdir', ['-p', 'build/examples'], inside);
  run('cp', ['-r', 'package/deps/librdkafka/src', 'build/src'], inside);
  run('cp', ['debian/usr/share/doc/librdkafka-dev/examples/rdkafka_performance.c', 'build/examples/'], inside);
  writeFileSync(join(target, 'build/config.h'), CONFIG_H);
  const include = ['-Ibuild/src', '-Ibuild', '-L.', `-l:${library}`, '-Wl,-rpath,$ORIGIN', '-lpthread', '-lm'];
  const source = 'build/examples/rdkafka_performance.c';
  run('gcc', ['-O2', '-w', '-o', 'rdkafka_performance', source, ...include], inside);
  for (const folder of ['build', 'package', 'debian', 'wheel']) rmSync(join(target, folder), { recursive: true });
}

const CONFIG_H = `#define WITH_GCC 1
#define HAVE_STRNDUP 1
#define HAVE_STRERROR_R 1
#define HAVE_STRCASESTR 1
#define HAVE_ATOMICS_32 1
#define HAVE_ATOMICS_64 1
#define HAVE_ATOMICS_32_ATOMIC 1
#define HAVE_ATOMICS_64_ATOMIC 1
#define ATOMIC_OP32(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP64(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define SOLIB_EXT ".so"
#define WITH_CRC32C_HW 1
#define ENABLE_DEVEL 0
#define ENABLE_LZ4_EXT 1
`;

const LOGGING = `status=ERROR
appender.c.type=Console
appender.c.name=C
appender.c.target=SYSTEM_ERR
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
`;
