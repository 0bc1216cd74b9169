/** Groups for the fake node, by the real machine: so that a client which holds on to what it gave up is found out. */
import { beat, expel, settle } from '../../../src/group/beat.ts';
import { Groups, Topics } from '../../../src/group/groups.ts';
import { commit } from '../../../src/group/offsets.ts';
import { placeKey, toPlaces } from '../../../src/group/places.ts';
import type { Fault } from '../../../src/model/faults.ts';
import type { Topic } from '../../../src/model/topic.ts';
import type {
  CommitRequest,
  CommittedRequest,
  HeartbeatRequest,
  Reply,
  Request,
} from '../../../src/protocols/request.ts';

export class FakeGroups {
  readonly #groups = new Groups();
  readonly #topics = new Topics();

  learn(topic: Topic): void {
    this.#topics.put({ id: topic.id, name: topic.name, partitions: topic.partitions.length });
    for (const group of this.#groups.all()) this.#apply(settle(this.#groups, this.#topics, group.name));
  }

  carryOut(request: Request): Reply | undefined {
    if (request.call === 'heartbeat') return this.#beat(request);
    if (request.call === 'commit') return this.#commit(request);
    return request.call === 'committed' ? this.#committed(request) : undefined;
  }

  /** Throws a member out, as when its session ends. */
  expel(group: string, member: string): void {
    const found = this.#groups.get(group);
    if (found !== undefined) this.#apply(expel(this.#groups, this.#topics, found, [member]));
  }

  members(group: string): string[] {
    return [...(this.#groups.get(group)?.members.keys() ?? [])];
  }

  committed(group: string, topic: Topic, partition: number): number {
    return this.#groups.get(group)?.offsets.get(placeKey(topic.id, partition))?.offset ?? -1;
  }

  #beat(request: HeartbeatRequest): Reply {
    const refusal = this.#apply(beat(this.#groups, this.#topics, request, { client: 'test', host: '' }));
    if (refusal !== null) return { call: 'refused', fault: refusal };
    const member = this.#groups.get(request.group)?.members.get(request.member);
    const base = { call: 'heartbeat', member: request.member, heartbeatMs: 1_000 } as const;
    if (member === undefined || request.epoch < 0) return { ...base, epoch: request.epoch };
    return { ...base, epoch: member.epoch, assignment: toPlaces(member.assigned) };
  }

  #commit(request: CommitRequest): Reply {
    const decision = commit(this.#groups, this.#topics, request, 0);
    if (!decision.ok) return { call: 'refused', fault: decision.fault };
    if (decision.value.record !== null) this.#groups.apply(decision.value.record);
    return { call: 'commit', parts: decision.value.parts };
  }

  #committed({ group, places = [] }: CommittedRequest): Reply {
    const offsets = this.#groups.get(group)?.offsets;
    const parts = places.map(({ topic, partition }) => {
      const entry = offsets?.get(placeKey(topic, partition));
      return { topic, partition, offset: entry?.offset ?? -1, metadata: entry?.metadata ?? '' };
    });
    return { call: 'committed', parts };
  }

  #apply(steps: ReturnType<typeof beat>): Fault | null {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      this.#groups.apply(step.value);
    }
  }
}
