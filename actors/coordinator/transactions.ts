/**
 * Offsets that are committed with a transaction: kept aside until its coordinator says how it ended. The first of a
 * transaction asks there whether the group is part of it. A plain class inside the groups' coordinator.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { Groups } from '../../src/group/groups.ts';
import { commitInTransaction, settleOffsets } from '../../src/group/pending-commits.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { CommitInTransactionRequest, SettleOffsetsRequest } from '../../src/protocols/groups.ts';
import { CommitVoices } from '../../src/transaction/voices.ts';
import { Verifications } from '../partition/verifications.ts';
import type { TransactionsAnswer } from '../transactions/contract.ts';
import type { Asked } from './heartbeats.ts';
import type { GroupLog } from './log.ts';
import type { GroupTopics } from './topics.ts';

/** The state, which a replay makes anew. */
interface State {
  readonly groups: Groups;
  readonly topics: GroupTopics;
}
type Commit = Asked<CommitInTransactionRequest>;

export class GroupTransactions {
  readonly #context: Context<never>;
  readonly #log: GroupLog;
  readonly #state: State;
  readonly #nextRequest: () => number;
  /** By group: a producer may commit offsets of several. */
  readonly #verifications = new Map<string, Verifications<Commit>>();
  /** Of all groups. Memory alone: no connection outlives the node. */
  readonly #voices = new CommitVoices();

  constructor(context: Context<never>, log: GroupLog, state: State, nextRequest: () => number) {
    this.#context = context;
    this.#log = log;
    this.#state = state;
    this.#nextRequest = nextRequest;
  }

  /** Somebody waits: `tick` is to be called. */
  get busy(): boolean {
    return this.#verifications.size > 0;
  }

  commit(asked: Commit, openedAt: number): void {
    const { group, producer, epoch, transaction, joins } = asked.ask;
    // With protocol 2 the epoch tells what is late.
    if (!joins && this.#voices.doubts(asked.ask, { name: asked.from.name, openedAt })) {
      this.#log.refuse(asked, fault('OVERLOADED', 'the producer was heard on a newer connection; come again'));
      return;
    }
    if (this.#verifications.get(group)?.hold(producer, asked) === true) return;
    const open = this.#state.groups.get(group)?.pending.epochOf(producer) ?? -1;
    if (open === epoch) this.#commit(asked);
    else
      this.#verificationsOf(group).ask(
        { transaction, producer, epoch, places: [], groups: [group], verify: !joins },
        asked,
      );
  }

  #verificationsOf(group: string): Verifications<Commit> {
    const known = this.#verifications.get(group);
    if (known !== undefined) return known;
    const made = new Verifications<Commit>(this.#context, this.#nextRequest, {
      granted: (held) => {
        for (const asked of held) this.#commit(asked);
      },
      refused: (asked, reason) => this.#log.refuse(asked, reason),
    });
    this.#verifications.set(group, made);
    return made;
  }

  #commit(asked: Commit): void {
    const decision = commitInTransaction(this.#state.groups, this.#state.topics, asked.ask, {
      now: this.#context.monotonic(),
      at: this.#context.now(),
    });
    this.#log.decided(asked, 'commitInTransaction', decision);
  }

  /** How the transaction ended: from its coordinator. */
  settle({
    request,
    ask,
    from,
  }: {
    readonly request: number;
    readonly ask: SettleOffsetsRequest;
    readonly from: Address;
  }): void {
    this.#verifications.get(ask.group)?.ended(ask.producer);
    const decision = settleOffsets(this.#state.groups, ask);
    const refused: Fault | null = !decision.ok
      ? decision.fault
      : decision.value === null
        ? null
        : this.#log.carryOut([decision.value]);
    if (refused !== null) this.#log.refuse({ request, from }, refused);
    else this.#log.settled({ request, from });
  }

  transacted(answer: TransactionsAnswer): void {
    for (const one of [...this.#verifications.values()]) one.answered(answer);
    this.#forgetIdle();
  }

  tick(): void {
    for (const one of [...this.#verifications.values()]) one.tick();
    this.#forgetIdle();
  }

  refuseHeld(reason: Fault): void {
    for (const one of [...this.#verifications.values()]) one.refuseAll(reason);
    this.#verifications.clear();
  }

  #forgetIdle(): void {
    for (const [group, one] of this.#verifications) if (!one.busy) this.#verifications.delete(group);
  }
}
