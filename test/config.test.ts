/** Judges the settings: precedence, places of mistakes, nearest names, units, and what is refused together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {
  ConfigError,
  isLoopback,
  loadSettings,
  type Problem,
  resolveSettings,
  type Sources,
  settingsInForce,
  thisMachine,
} from '../src/config.ts';
import { memoryLeast } from '../src/memory.ts';
import { checkTopicSettings, TOPIC_DEFAULTS } from '../src/model/topic.ts';
import { environmentName, flagName, settingDescriptions, settingKeys, topicDefaults } from '../src/settings.ts';
import { readSettingsFile } from '../src/settings-file.ts';

const MIB = 1024 * 1024;
const machine = { cores: 3, memoryBytes: 2048 * MIB, terminal: false };
const file = (text: string): Sources => ({ file: readSettingsFile('callboard.yaml', text), machine });

function problemsOf(run: () => unknown): readonly Problem[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('defaults follow from the machine', (t) => {
  const { settings, origins } = resolveSettings({ machine });
  t.is(settings.shards, 2);
  t.is(settings.memory, 512 * MIB);
  t.is(settings['log.format'], 'json');
  t.is(settings['native.port'], 7625);
  t.is(settings['admin.port'], 7680);
  t.is(settings.data, './data');
  t.deepEqual(origins.shards, { from: 'default', where: 'default' });
  t.is(
    resolveSettings({ machine: { ...machine, memoryBytes: 100 * MIB } }).settings.memory,
    memoryLeast(settings.shards),
  );
  t.is(resolveSettings({ machine: { ...machine, memoryBytes: 64 * 1024 * MIB } }).settings.memory, 1024 * MIB);
  const real = thisMachine();
  t.true(real.cores >= 1 && real.memoryBytes > 0);
});

test('flags win over the environment, the environment over the file, the file over defaults, and each keeps its place', (t) => {
  const { settings, origins } = resolveSettings({
    ...file('shards: 4\nnative:\n  port: 1111\nadmin.port: 2222\ntopics: { partitions: 9 }\n'),
    environment: { CALLBOARD_SHARDS: '5', CALLBOARD_NATIVE_PORT: '3333', HOME: '/root', CALLBOARD_DATA: '' },
    flags: { shards: '6' },
  });
  t.is(settings.shards, 6);
  t.is(settings['native.port'], 3333);
  t.is(settings['admin.port'], 2222);
  t.is(settings['topics.partitions'], 9);
  t.is(settings.data, './data');
  t.deepEqual(origins.shards, { from: 'flag', where: '--shards' });
  t.deepEqual(origins['native.port'], { from: 'environment', where: 'CALLBOARD_NATIVE_PORT' });
  t.deepEqual(origins['admin.port'], { from: 'file', where: 'callboard.yaml:4' });
  t.deepEqual(origins['topics.partitions'], { from: 'file', where: 'callboard.yaml:5' });
});

test('an unknown key is refused with file, line, key and the nearest known name', (t) => {
  const [problem, ...others] = problemsOf(() => resolveSettings(file('# mine\nnative:\n  prot: 7625\n')));
  t.deepEqual(others, []);
  t.is(problem?.where, 'callboard.yaml:3');
  t.is(problem?.key, 'native.prot');
  t.regex(problem?.message ?? '', /did you mean native\.port\?/);
  t.regex(problem?.message ?? '', /Known are data, node, /);
});

test('a wrong value says what is allowed', (t) => {
  const wrong: [string, RegExp][] = [
    ['native.port: 70000', /a whole number from 0 to 65535; it is 70000/],
    ['native.port: "80 80"', /a whole number/],
    ['shards: 0', /from 1 to 64/],
    ['shards: true', /from 1 to 64/],
    ['memory: 1MiB', /bytes from 247MiB to 1024GiB/],
    ['memory: 2 parsecs', /bytes from/],
    ['log.level: loud', /debug or info or warn or error/],
    ['topics.durability: sometimes', /"fsync" or "interval"/],
    ['topics.retentionMs: -2', /from -1 to .*7d/],
    ['topics.autoCreate: maybe', /true or false/],
    ['disk.freeRatioMin: 2', /from 0 to 0\.9/],
    ['data: ""', /not empty/],
    ['data: [a, b]', /one value/],
    ['data:', /one value|not empty/],
  ];
  for (const [text, message] of wrong) {
    const [problem] = problemsOf(() => resolveSettings(file(text)));
    t.is(problem?.where, 'callboard.yaml:1', text);
    t.regex(problem?.message ?? '', message, text);
  }
});

test('all mistakes are told at once, in environment and flags too', (t) => {
  const problems = problemsOf(() =>
    resolveSettings({
      ...file('shard: 1\nlog:\n  level: loud\n'),
      environment: { CALLBOARD_MEMROY: '1GiB', CALLBOARD_SHARDS: 'many' },
      flags: { 'native.port': 'x' },
    }),
  );
  t.deepEqual(
    problems.map((problem) => problem.where),
    ['callboard.yaml:1', 'callboard.yaml:3', 'CALLBOARD_MEMROY', 'CALLBOARD_SHARDS', '--native-port'],
  );
  t.regex(problems[2]?.message ?? '', /did you mean CALLBOARD_MEMORY\?/);
});

test('a file that is no map of settings is refused with its line', (t) => {
  t.is(problemsOf(() => resolveSettings(file('data: a\ndata: b\n')))[0]?.where, 'callboard.yaml:2');
  t.is(problemsOf(() => resolveSettings(file('data: a\nnative: {port: \n')))[0]?.where.split(':')[0], 'callboard.yaml');
  t.regex(problemsOf(() => resolveSettings(file('- data\n')))[0]?.message ?? '', /map of settings/);
  t.regex(problemsOf(() => resolveSettings(file('data: &a x\nnative.host: *a\n')))[0]?.message ?? '', /no alias/);
  t.deepEqual(
    problemsOf(() => resolveSettings(file('__proto__: 1\nconstructor: {prototype: 2}\ntoString: 3\n'))).map(
      (p) => p.key,
    ),
    ['__proto__', 'constructor.prototype', 'toString'],
  );
  t.deepEqual(
    problemsOf(() => resolveSettings(file('# nothing yet\n'))),
    [],
  );
});

test('units are understood in every source', (t) => {
  const { settings } = resolveSettings({
    ...file('memory: 1GiB\ntopics:\n  retentionMs: 7d\n  segmentBytes: 64MiB\n  segmentMs: 90 s\n'),
    environment: { CALLBOARD_LIMITS_FRAME_BYTES: '8MiB', CALLBOARD_TOPICS_AUTO_CREATE: 'no' },
    flags: { 'disk.freeBytesMin': '0', insecure: true },
  });
  t.is(settings.memory, 1024 * MIB);
  t.is(settings['topics.retentionMs'], 604_800_000);
  t.is(settings['topics.segmentBytes'], 64 * MIB);
  t.is(settings['topics.segmentMs'], 90_000);
  t.is(settings['limits.frameBytes'], 8 * MIB);
  t.is(settings['topics.autoCreate'], false);
  t.is(settings['disk.freeBytesMin'], 0);
  t.true(settings.insecure);
});

test('listening beyond this machine is refused unless somebody says insecure', (t) => {
  for (const host of ['0.0.0.0', '::', '192.168.1.4', 'broker.example', '']) {
    const [problem] = problemsOf(() => resolveSettings({ machine, flags: { 'native.host': host } }));
    t.is(problem?.where, '--native-host', host);
  }
  for (const key of ['admin.host', 'kafka.host'])
    t.regex(
      problemsOf(() => resolveSettings({ machine, flags: { [key]: '0.0.0.0' } }))[0]?.message ?? '',
      /no accounts yet.*--insecure/,
    );
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1']) t.true(isLoopback(host), host);
  for (const host of ['127.0.0.1.example', '128.0.0.1', '::2', '::ffff:10.0.0.1', 'localhost.example'])
    t.false(isLoopback(host), host);
  const open = resolveSettings({ machine, flags: { 'native.host': '0.0.0.0', insecure: true } });
  t.is(open.settings['native.host'], '0.0.0.0');
});

test('settings that contradict each other are refused', (t) => {
  const both = problemsOf(() => resolveSettings(file('native.port: 7680\n')));
  t.regex(both[0]?.message ?? '', /must differ from native\.port/);
  t.deepEqual(
    problemsOf(() => resolveSettings(file('native.port: 0\nadmin.port: 0\n'))),
    [],
  );
  const frame = problemsOf(() => resolveSettings(file('limits.frameBytes: 512KiB\n')));
  t.is(frame[0]?.where, 'callboard.yaml:1');
  t.regex(frame[0]?.message ?? '', /batchBytesMax/);
});

test('times of groups lie within their bounds, and can go together', (t) => {
  const messages = (yaml: string) => problemsOf(() => resolveSettings(file(yaml))).map((one) => one.message);
  t.deepEqual(messages('groups.sessionMsMin: 6000\ngroups.sessionMs: 6000\n'), []);
  t.deepEqual(messages('groups.sessionMs: 6000\n'), [
    'must be at least groups.sessionMsMin, which is 45000; it is 6000',
  ]);
  t.deepEqual(messages('groups.heartbeatMsMax: 4000\n'), [
    'must be at most groups.heartbeatMsMax, which is 4000; it is 5000',
  ]);
  const slow = 'groups.heartbeatMsMax: 60000\ngroups.heartbeatMs: 45000\n';
  t.deepEqual(messages(slow), ['must be less than groups.sessionMs, which is 45000']);
});

test('ports of dialects that are served must differ', (t) => {
  const same = problemsOf(() => resolveSettings({ machine, environment: { CALLBOARD_KAFKA_PORT: '7625' } }));
  t.is(same[0]?.where, 'CALLBOARD_KAFKA_PORT');
  t.regex(same[0]?.message ?? '', /must differ from native\.port/);
  const flags = { 'kafka.port': 7625, 'kafka.enabled': false };
  t.deepEqual(
    problemsOf(() => resolveSettings({ machine, flags })),
    [],
  );
});

test('what is advertised is a host, with a port or without', (t) => {
  for (const given of ['', 'broker.example', 'broker.example:9092', '10.0.0.1:1', '[::1]:9092', '[::1]'])
    t.is(resolveSettings({ machine, flags: { 'kafka.advertised': given } }).settings['kafka.advertised'], given);
  for (const given of ['a:0', 'a:70000', 'a b', '::1', 'a:', ':9092', 'http://a:9092', 9092])
    t.is(
      problemsOf(() => resolveSettings({ machine, flags: { 'kafka.advertised': given } }))[0]?.key,
      'kafka.advertised',
      String(given),
    );
});

test('names that belong to the command line or come from a cluster are no settings', (t) => {
  const environment = {
    CALLBOARD_SERVER: 'localhost:1',
    CALLBOARD_CONFIG: 'x.yaml',
    CALLBOARD_SERVICE_HOST: '10.0.0.1',
    CALLBOARD_SERVICE_PORT_NATIVE: '7625',
    CALLBOARD_PORT: 'tcp://10.0.0.1:7625',
    CALLBOARD_PORT_7625_TCP_ADDR: '10.0.0.1',
  };
  t.deepEqual(
    problemsOf(() => resolveSettings({ machine, environment })),
    [],
  );
});

test('memory follows the shards by default, and is refused where it is too little for them', (t) => {
  const least = memoryLeast(16);
  t.true(least > 1024 * MIB);
  const { settings, origins } = resolveSettings({ machine, flags: { shards: 16 } });
  t.is(settings.memory, least);
  t.is(origins.memory.from, 'default');
  const small = problemsOf(() => resolveSettings({ machine, flags: { shards: 16, memory: least - MIB } }));
  t.deepEqual(
    small.map(({ where, key }) => [where, key]),
    [['--memory', 'memory']],
  );
  t.regex(small[0]?.message ?? '', /^must be at least \d+MiB for 16 shards/);
  t.is(resolveSettings({ machine, flags: { shards: 16, memory: least } }).settings.memory, least);
});

test('the table is complete: names, flags and topic defaults agree', (t) => {
  t.is(environmentName('topics.autoCreate'), 'CALLBOARD_TOPICS_AUTO_CREATE');
  t.is(flagName('topics.autoCreate'), '--topics-auto-create');
  t.is(new Set(settingDescriptions.map((one) => one.flag)).size, settingKeys.length);
  t.is(new Set(settingDescriptions.map((one) => one.environment)).size, settingKeys.length);
  t.is(settingDescriptions.find((one) => one.key === 'limits.frameBytes')?.defaultText, '16MiB');
  t.is(settingDescriptions.find((one) => one.key === 'shards')?.defaultText, 'one less than cores');
  const defaults = topicDefaults(resolveSettings({ machine, flags: { 'topics.engine': 'memory' } }).settings);
  t.deepEqual(defaults, { ...TOPIC_DEFAULTS, engine: 'memory' });
  t.true(checkTopicSettings({ ...defaults }).ok);
});

test('every setting is shown as a person would write it, with where it comes from', (t) => {
  const shown = settingsInForce(resolveSettings({ ...file('memory: 1GiB\n'), flags: { shards: 2 } }));
  t.is(shown.length, settingKeys.length);
  const of = (key: string): unknown => shown.find((one) => one.key === key);
  t.deepEqual(of('memory'), {
    key: 'memory',
    value: 1024 * MIB,
    text: '1GiB',
    from: 'file',
    where: 'callboard.yaml:1',
  });
  t.deepEqual(of('shards'), { key: 'shards', value: 2, text: '2', from: 'flag', where: '--shards' });
});

test('loadSettings reads the named file, and misses it by name', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'mine.yaml');
  writeFileSync(path, 'shards: 2\n');
  t.is((await loadSettings({}, {}, path)).settings.shards, 2);
  t.is((await loadSettings({}, { CALLBOARD_CONFIG: path })).settings.shards, 2);
  t.is((await loadSettings({}, { CALLBOARD_CONFIG: path })).origins.shards.where, `${path}:1`);
  const missing = join(folder, 'none.yaml');
  const error = await t.throwsAsync(loadSettings({}, {}, missing), { instanceOf: ConfigError });
  t.deepEqual(error.problems, [{ where: missing, key: '', message: 'the settings file cannot be read (ENOENT)' }]);
});

test('whatever the file says, the answer is settings or a list of problems', (t) => {
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.constant('a: [1, {b: c}]\n? [x]\n: y'),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const problems = problemsOf(() => resolveSettings(file(text)));
      return problems.every((problem) => problem.where.startsWith('callboard.yaml:') && problem.message !== '');
    }),
    { numRuns: 500 },
  );
  t.pass();
});
