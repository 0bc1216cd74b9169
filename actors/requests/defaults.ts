/** Defaults of topics: which were altered, and altering them. The catalog keeps them, so it is asked every time. */
import type { AlterDefaultsRequest, DefaultsRequest } from '../../src/protocols/request.ts';
import { type CatalogAnswer, type CatalogRequest, catalogAddress } from '../catalog/contract.ts';
import type { Numbered } from './asker.ts';
import { ANSWER_MS_MAX, type Desk, type Done, NO_HOLDS, refuse } from './desk.ts';

type Defaults = Extract<CatalogAnswer, { readonly type: 'defaults' }>;

export function defaultsCall(desk: Desk, asked: DefaultsRequest | AlterDefaultsRequest, done: Done): void {
  desk.asker.ask<CatalogRequest, Defaults>(
    catalogAddress(desk.node),
    (request) => questionOf(asked, request),
    (answer) => {
      if (answer.type === 'refused') refuse(done, answer.fault);
      else if (asked.call === 'defaults') done({ call: 'defaults', altered: answer.altered }, NO_HOLDS);
      else done({ call: 'alterDefaults' }, NO_HOLDS);
    },
    desk.monotonic() + ANSWER_MS_MAX,
  );
}

function questionOf(asked: DefaultsRequest | AlterDefaultsRequest, request: number): CatalogRequest & Numbered {
  if (asked.call === 'defaults') return { type: 'defaults', request };
  return { type: 'alterDefaults', request, change: asked.change, validateOnly: asked.validateOnly };
}
