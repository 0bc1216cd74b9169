/** Plays the transcripts of groups whose members assign by themselves, one command at a time. */
import { inspect } from '../../src/group/inspect.ts';
import { commitAsSaid } from '../../src/group/seeking.ts';
import { fault } from '../../src/model/faults.ts';
import { id } from '../../src/model/ids.ts';
import { type Interpreter, judgeTranscripts } from '../scripts/transcript.ts';
import { ClassicWorld, GROUP, type Manner, Member } from './classic-world.ts';

class Stage {
  readonly #world = new ClassicWorld();
  readonly #members = new Map<string, Member>();

  interpret([command = '', ...words]: readonly string[]): string {
    const said = this.#do(command, words);
    const heard = [...this.#members.values()].flatMap(({ name, heard: all }) =>
      all.splice(0).map((each) => `${name}: ${each}`),
    );
    return [...said, ...heard, ...this.#print()].join('\n');
  }

  #do(command: string, words: readonly string[]): string[] {
    const [first = '', ...rest] = words;
    switch (command) {
      case 'join':
        this.#join(first, rest);
        return [];
      case 'sync':
        for (const name of words) this.#member(name).sync(this.#world);
        return [];
      case 'alive':
        return words.map((name) => this.#alive(name));
      case 'leave':
        return this.#leave(words);
      case 'pass':
        this.#pass(Number(first), rest);
        return [];
      case 'commit':
        return [this.#commit(first, Number(rest[0]), rest[1])];
      case 'restart':
        this.#world.restart();
        return [];
      default:
        throw new Error(`no command ${command}`);
    }
  }

  /** `join a [as=instance] [by=range,sticky] [type=connect] [session=ms] [rebalance=ms] [two-steps] [no-skip] [anew]` */
  #join(name: string, words: readonly string[]): void {
    const value = (key: string): string | undefined =>
      words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
    const [instance, by, protocolType] = [value('as'), value('by'), value('type')];
    const [session, rebalance] = [value('session'), value('rebalance')];
    const manner: Manner = {
      ...(instance === undefined ? {} : { instance }),
      ...(by === undefined ? {} : { protocols: by.split(',') }),
      ...(protocolType === undefined ? {} : { protocolType }),
      ...(session === undefined ? {} : { sessionMs: Number(session) }),
      ...(rebalance === undefined ? {} : { rebalanceMs: Number(rebalance) }),
      twoSteps: words.includes('two-steps'),
      maySkip: !words.includes('no-skip'),
    };
    const member = this.#members.get(name) ?? new Member(name, manner);
    member.manner = { ...member.manner, ...manner };
    if (words.includes('anew')) member.id = '';
    this.#members.set(name, member);
    member.join(this.#world);
  }

  #alive(name: string): string {
    return `${name}: ${this.#world.keepAlive(this.#member(name).here())?.code ?? 'is kept'}`;
  }

  /** By name, or `instance=i`. */
  #leave(words: readonly string[]): string[] {
    const named = words.map((word) => {
      if (word.startsWith('instance=')) return { member: '', instance: word.slice(9) };
      return { member: this.#members.get(word)?.id ?? word };
    });
    const left = this.#world.leave(named);
    if (!left.ok) return [left.fault.code];
    return left.value.map((each, index) => `${words[index]}: ${each.fault?.code ?? 'has left'}`);
  }

  /** `pass ms [a b]`: those named send heartbeats meanwhile. */
  #pass(ms: number, names: readonly string[]): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.#world.pass(Math.min(1_000, left));
      for (const name of names) this.#world.keepAlive(this.#member(name).here());
    }
  }

  /** `commit a 5 [at=generation]`; `commit nobody 5`: by one who is no member. */
  #commit(name: string, offset: number, at?: string): string {
    const member = this.#members.get(name);
    const here = member?.here() ?? { group: GROUP, member: '', generation: -1 };
    const generation = at === undefined ? here.generation : Number(at.slice(3));
    const place = { topic: id<never>(1), partition: id<never>(0), offset: id<never>(offset) };
    const request = { ...here, generation, offsets: [{ ...place, leaderEpoch: -1, metadata: '' }] };
    const decided = commitAsSaid(this.#world.groups, this.#world.topics, request, {
      now: this.#world.now,
      at: this.#world.now,
    });
    if (decided.ok && decided.value.record !== null) this.#world.record(decided.value.record);
    const wrong = decided.ok ? decided.value.parts[0]?.fault : decided.fault;
    return `${name}: ${wrong === undefined ? 'has committed' : fault(wrong.code, '').code}`;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`nobody is called ${name}`);
    return member;
  }

  #print(): string[] {
    const { groups, topics } = this.#world;
    const report = inspect(groups, topics, GROUP);
    if (report?.kind !== 'classic') return ['no group'];
    const barrier = groups.barriers.get(GROUP);
    const generation = barrier?.generation ?? groups.get(GROUP)?.epoch;
    const lines = [`${report.state}, generation ${generation}`];
    for (const { id: member, joining, syncing } of barrier?.members.values() ?? []) {
      const waits = joining !== null ? ', waits for the others' : syncing !== null ? ', waits for the leader' : '';
      lines.push(`  ${member}${barrier?.leader === member ? ' leads' : ''}${waits}`);
    }
    if ((barrier?.pending.size ?? 0) > 0) lines.push(`  expected: ${[...(barrier?.pending.keys() ?? [])].join(' ')}`);
    for (const { offset } of groups.get(GROUP)?.offsets.values() ?? []) lines.push(`  committed ${offset}`);
    return lines;
  }
}

judgeTranscripts('classic', (): Interpreter => {
  const stage = new Stage();
  return (words) => stage.interpret(words);
});
