/** producer: a new producer id, for idempotent batches. */
import type { ProducerEpoch } from '../../../model/ids.ts';
import type { ProducerReply, ProducerRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { nothing } from '../nouns.ts';
import { integer, natural, struct } from '../shape.ts';

export const producer: Call<'producer'> = {
  kind: 10,
  request: plain<'producer', ProducerRequest>('producer', nothing),
  reply: plain<'producer', ProducerReply>(
    'producer',
    struct<Omit<ProducerReply, 'call'>>({ producerId: natural(), epoch: integer<ProducerEpoch>(0, 32_767) }),
  ),
};
