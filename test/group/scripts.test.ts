/** Plays the transcripts of consumer groups: members that do what they are told, one command at a time. */
import { stateOf } from '../../src/group/describe.ts';
import { Groups } from '../../src/group/groups.ts';
import { commit } from '../../src/group/offsets.ts';
import { type PlaceKey, partitionOf, topicOf } from '../../src/group/places.ts';
import { ASSIGNORS } from '../../src/group/record.ts';
import type { Fault } from '../../src/model/faults.ts';
import { type Interpreter, judgeTranscripts } from '../scripts/transcript.ts';
import { GROUP, MachineWorld, Pretender } from './machine-world.ts';

class Stage {
  #world = new MachineWorld();
  readonly #members = new Map<string, Pretender>();
  readonly #names = new Map<string, number>();
  #nextTopic = 1;

  interpret([command = '', ...words]: readonly string[]): string {
    const refused = this.#do(command, words);
    const printed = this.#print();
    return refused === null ? printed : `refused ${refused.code}: ${refused.message}\n${printed}`;
  }

  #do(command: string, words: readonly string[]): Fault | null {
    const [first = '', second = ''] = words;
    switch (command) {
      case 'topic':
        return this.#topic(first, Number(second));
      case 'drop':
        this.#world.dropTopic(this.#names.get(first) ?? 0);
        this.#names.delete(first);
        return null;
      case 'join':
        return this.#join(first, words.slice(1));
      case 'beat':
        return this.#member(first).beat(this.#world);
      case 'give-up':
        this.#member(first).giveUp();
        return this.#member(first).beat(this.#world);
      case 'beat-at':
        return this.#world.beat({ member: first, epoch: Number(second) });
      case 'leave':
        return this.#member(first).leave(this.#world, -1);
      case 'pause':
        return this.#member(first).leave(this.#world, -2);
      case 'pass':
        this.#world.pass(Number(first));
        return null;
      case 'commit':
        return this.#commit(first, second, Number(words[2]));
      case 'restart':
        return this.#restart();
      default:
        throw new Error(`no command ${command}`);
    }
  }

  #topic(name: string, partitions: number): null {
    const known = this.#names.get(name) ?? this.#nextTopic++;
    this.#names.set(name, known);
    this.#world.topic(known, name, partitions);
    return null;
  }

  /** `join a orders,payments [assignor] [as=instance]` */
  #join(id: string, [topics = '', ...rest]: readonly string[]): Fault | null {
    const assignor = ASSIGNORS.find((each) => rest.includes(each));
    const instance = rest.find((word) => word.startsWith('as='))?.slice(3);
    const member = new Pretender(id, topics.split(','), assignor, instance);
    this.#members.set(id, member);
    return member.join(this.#world);
  }

  #commit(id: string, place: string, offset: number): Fault | null {
    const [topic = '', partition = ''] = place.split(':');
    const offsets = [{ topic: this.#names.get(topic), partition: Number(partition), offset }] as never;
    const { groups, topics } = this.#world;
    const decision = commit(groups, topics, { group: GROUP, member: id, epoch: this.#member(id).epoch, offsets }, 0);
    if (!decision.ok) return decision.fault;
    if (decision.value.record !== null) this.#world.carryOut([decision.value.record]);
    return decision.value.parts[0]?.fault ?? null;
  }

  /** Another coordinator reads the log; the members notice nothing. */
  #restart(): null {
    const groups = new Groups();
    for (const record of this.#world.records) groups.apply(record);
    this.#world.groups = groups;
    return null;
  }

  #member(id: string): Pretender {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`nobody is called ${id}`);
    return member;
  }

  #print(): string {
    const { group } = this.#world;
    if (group === undefined) return 'no group';
    const lines = [`epoch ${group.epoch} ${stateOf(group)} ${group.assignor}`];
    for (const { id, epoch, assigned, revoking, target, away } of group.members.values()) {
      const parts = [`${id}: epoch ${epoch}${away ? ', away' : ''}, owns ${this.#places(assigned)}`];
      if (revoking.size > 0) parts.push(`to give up ${this.#places(revoking)}`);
      if (this.#places(target) !== this.#places(assigned)) parts.push(`target ${this.#places(target)}`);
      lines.push(`  ${parts.join('; ')}`);
    }
    for (const [key, { offset }] of group.offsets) lines.push(`  committed ${this.#places(new Set([key]))} ${offset}`);
    return lines.join('\n');
  }

  #places(keys: ReadonlySet<PlaceKey>): string {
    const names = new Map([...this.#names].map(([name, number]) => [number, name]));
    const sorted = [...keys].sort((a, b) => a - b);
    const topics = [...new Set(sorted.map((key) => topicOf(key)))];
    const printed = topics.map((topic) => {
      const partitions = sorted.filter((key) => topicOf(key) === topic).map(partitionOf);
      return `${names.get(topic) ?? topic}[${partitions.join(' ')}]`;
    });
    return printed.join(' ') || 'nothing';
  }
}

judgeTranscripts('groups', (): Interpreter => {
  const stage = new Stage();
  return (words) => stage.interpret(words);
});
