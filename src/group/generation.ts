/** What the log keeps of a group whose members assign by themselves: its last whole generation. Decides nothing. */
import { assert } from '../model/assert.ts';
import type { GroupRecord } from './record.ts';

type Assigned = Extract<GroupRecord, { readonly type: 'assigned' }>;

/** A member as the generation has it. */
export interface StoredMember extends Omit<Assigned, 'group' | 'type' | 'member'> {
  readonly id: string;
}

export class Generation {
  readonly number: number;
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  readonly #members = new Map<string, StoredMember>();

  constructor(record: Extract<GroupRecord, { readonly type: 'generation' }>) {
    this.number = record.generation;
    this.protocolType = record.protocolType;
    this.protocol = record.protocol;
    this.leader = record.leader;
  }

  get members(): ReadonlyMap<string, StoredMember> {
    return this.#members;
  }

  apply({ group, type: _, member: id, ...stored }: Assigned): void {
    assert(!this.#members.has(id), `${id} is in generation ${this.number} of ${group} twice`);
    this.#members.set(id, { id, ...stored });
  }

  *snapshot(group: string): Generator<GroupRecord> {
    const { protocolType, protocol, leader } = this;
    yield { group, type: 'generation', generation: this.number, protocolType, protocol, leader };
    for (const { id, ...stored } of this.#members.values()) yield { group, type: 'assigned', member: id, ...stored };
  }
}
