/** librdkafka, where Python has confluent-kafka: one process a job. Where it is missing that is said, and tests go on. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./librdkafka.py', import.meta.url));
const found = spawnSync('python3', ['-c', 'import confluent_kafka as c; print(c.libversion()[0])'], {
  encoding: 'utf8',
  timeout: 20_000,
});

/** Its version; undefined where it is not installed. */
export const librdkafka: string | undefined = found.status === 0 ? found.stdout.trim() : undefined;
export const LIBRDKAFKA_MISSING =
  'librdkafka is not tested: python3 has no confluent_kafka (pip install confluent-kafka)';

if (librdkafka === undefined && process.env.REQUIRE_LIBRDKAFKA !== undefined) throw new Error(LIBRDKAFKA_MISSING);

/** Runs a job to its end and answers what it printed. */
export async function runLibrdkafka(job: object): Promise<unknown[]> {
  const child = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'], timeout: 600_000 });
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.end(JSON.stringify(job));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`librdkafka ended with ${code}:\n${Buffer.concat(errors)}`);
  const lines = Buffer.concat(out).toString().split('\n');
  return lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
}
