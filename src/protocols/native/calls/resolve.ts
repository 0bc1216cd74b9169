/** resolve: topics by name, created on the way where asked and allowed. */
import type { Fault } from '../../../model/faults.ts';
import { NAMES_PER_REQUEST_MAX } from '../../../model/limits.ts';
import type { ResolveReply, ResolveRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { topicAnswer, topicName } from '../nouns.ts';
import { byField, faultShape, flag, list, prose, struct } from '../shape.ts';

const missing = struct<{ readonly name: string; readonly fault: Fault }>({ name: prose, fault: faultShape });

export const resolve: Call<'resolve'> = {
  kind: 4,
  request: plain<'resolve', ResolveRequest>(
    'resolve',
    struct({ names: list(topicName, NAMES_PER_REQUEST_MAX), create: flag }),
  ),
  reply: plain<'resolve', ResolveReply>(
    'resolve',
    struct({ topics: list(byField('fault', missing, topicAnswer), NAMES_PER_REQUEST_MAX) }),
  ),
};
