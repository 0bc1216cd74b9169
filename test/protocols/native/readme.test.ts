/** The page that people write clients from says what the code does: kinds, faults, fields. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { fault, faultCodes } from '../../../src/model/faults.ts';
import { calls } from '../../../src/protocols/native/calls.ts';
import type { NativeCallName, Request } from '../../../src/protocols/request.ts';
import { anyRequest } from './values.ts';

const page = readFileSync(new URL('../../../src/protocols/native/README.md', import.meta.url), 'utf8');

test('every call is there with its kind', (t) => {
  for (const [name, { kind }] of Object.entries(calls)) t.true(page.includes(`${name} (${kind})`), `${name} (${kind})`);
});

test('the table of faults is the one of the model', (t) => {
  const rows = faultCodes.map((code) => {
    const { retryable, hint } = fault(code, '');
    return [code, retryable ? 'yes' : 'no', hint];
  });
  const table = page.slice(page.indexOf('<!-- faults'), page.indexOf('<!-- /faults'));
  const lines = table.split('\n').filter((line) => /^\| [A-Z]/.test(line));
  const shown = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  t.deepEqual(shown, rows);
});

test('every field of every request is named', (t) => {
  for (const name of Object.keys(calls) as NativeCallName[])
    for (const request of fc.sample(anyRequest[name] as fc.Arbitrary<Request>, 20)) {
      const { fields } = calls[name].request.write(request as never);
      for (const field of Object.keys(fields as object)) t.true(page.includes(`\`${field}\``), `${name}.${field}`);
    }
});
