/** heartbeat: joins a group, stays in it, learns what to hold, says what is held, leaves. */
import { CLIENT_ID_CHARS_MAX, PATTERN_CHARS_MAX, SUBSCRIPTIONS_MAX, WAIT_MS_MAX } from '../../../model/limits.ts';
import type { HeartbeatReply, HeartbeatRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { clientId, groupName, groupPlaces, topicName } from '../nouns.ts';
import { integer, list, natural, oneOf, optional, prose, struct, text } from '../shape.ts';

export const heartbeat: Call<'heartbeat'> = {
  kind: 11,
  request: plain<'heartbeat', HeartbeatRequest>(
    'heartbeat',
    struct<Omit<HeartbeatRequest, 'call'>>({
      group: groupName,
      member: clientId,
      epoch: integer(-2, Number.MAX_SAFE_INTEGER),
      instance: optional(clientId),
      topics: optional(list(topicName, SUBSCRIPTIONS_MAX)),
      assignor: optional(oneOf('range', 'roundrobin', 'sticky')),
      pattern: optional(text(0, PATTERN_CHARS_MAX)),
      rack: optional(text(0, CLIENT_ID_CHARS_MAX)),
      owned: optional(groupPlaces),
      sessionMs: optional(integer(1_000, 1_800_000)),
      rebalanceMs: optional(integer(1_000, 3_600_000)),
      waitMs: integer(0, WAIT_MS_MAX),
    }),
  ),
  reply: plain<'heartbeat', HeartbeatReply>(
    'heartbeat',
    struct<Omit<HeartbeatReply, 'call'>>({
      member: prose,
      epoch: integer(-2, Number.MAX_SAFE_INTEGER),
      heartbeatMs: natural(),
      assignment: optional(groupPlaces),
    }),
  ),
};
