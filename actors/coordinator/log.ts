/**
 * The coordinator's way to its log and back to who asked: steps are applied and brought to the log, answers wait until
 * what they show is committed. A plain class inside the coordinator; decides nothing.
 */
import type { Context } from '../../runtime/actor.ts';
import type { Steps } from '../../src/group/beat.ts';
import type { CommitDecision } from '../../src/group/offsets.ts';
import type { GroupRecord } from '../../src/group/record.ts';
import type { Fault, Result } from '../../src/model/faults.ts';
import type { StateLog } from '../state/log.ts';
import type { CoordinatorAnswer, GroupReply } from './contract.ts';
import type { Asked } from './heartbeats.ts';

export class GroupLog {
  readonly #context: Context<never>;
  readonly #log: StateLog<GroupRecord>;

  constructor(context: Context<never>, log: StateLog<GroupRecord>) {
    this.#context = context;
    this.#log = log;
  }

  /** Why nothing can be written now; null when something can. */
  get refusal(): Fault | null {
    return this.#log.refusal;
  }

  /** Applies step by step. When nothing can be written now, it stops before the first, and nothing has happened. */
  carryOut(steps: Steps | readonly GroupRecord[]): Fault | null {
    const iterator = steps[Symbol.iterator]();
    for (;;) {
      const next = iterator.next();
      if (next.done === true) return next.value ?? null;
      const refusal = this.#log.refusal;
      if (refusal !== null) return refusal;
      this.#log.propose(next.value);
    }
  }

  /** A change of committed offsets: its record, then the answer by partition. */
  decided(
    asked: Pick<Asked<never>, 'request' | 'from'>,
    call: 'commit' | 'commitInTransaction' | 'commitOffsets' | 'dropOffsets',
    decision: Result<CommitDecision>,
  ): void {
    if (!decision.ok) {
      this.refuse(asked, decision.fault);
      return;
    }
    const { record, parts } = decision.value;
    const refused = record === null ? null : this.carryOut([record]);
    if (refused !== null) this.refuse(asked, refused);
    else this.answer(asked, { call, parts });
  }

  answer(asked: Pick<Asked<never>, 'request' | 'from'>, reply: GroupReply): void {
    this.#answer(asked, { type: 'answered', request: asked.request, reply });
  }

  /** The end of a transaction is known here. */
  settled(asked: Pick<Asked<never>, 'request' | 'from'>): void {
    this.#answer(asked, { type: 'settled', request: asked.request });
  }

  /** Once all that the answer may show is committed. */
  #answer({ request, from }: Pick<Asked<never>, 'request' | 'from'>, answer: CoordinatorAnswer): void {
    this.#log.whenCommitted((refused) => {
      const refusal: CoordinatorAnswer | null = refused === null ? null : { type: 'refused', request, fault: refused };
      this.#context.reply(from, refusal ?? answer);
    });
  }

  refuse(asked: Pick<Asked<never>, 'request' | 'from'>, reason: Fault): void {
    this.#log.whenCommitted((refused) => {
      const answer: CoordinatorAnswer = { type: 'refused', request: asked.request, fault: refused ?? reason };
      this.#context.reply(asked.from, answer);
    });
  }
}
