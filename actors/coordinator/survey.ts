/**
 * Questions to many partitions at once, for lag and resets: a bounded number in flight, one time limit for all. A plain
 * class inside the coordinator. What is not answered in time is null: never a guess.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { PartitionId } from '../../src/model/ids.ts';
import { type PartitionAnswer, type PartitionRequest, partitionAddress } from '../partition/contract.ts';

export interface Question {
  readonly partition: PartitionId;
  ask(request: number): PartitionRequest;
}
/** By the order of the questions. */
export type Answers = readonly (PartitionAnswer | null)[];

/** Questions of one survey in flight: a group of 10,000 partitions must not fill rings that others need. */
const IN_FLIGHT_MAX = 64;
/** People wait for it. */
const SURVEY_MS_MAX = 2_000;

interface Survey {
  readonly questions: readonly Question[];
  readonly answers: (PartitionAnswer | null)[];
  readonly until: number;
  readonly done: (answers: Answers) => void;
  next: number;
  inFlight: number;
}

export class Surveys {
  readonly #context: Context<never>;
  readonly #nextRequest: () => number;
  readonly #surveys = new Set<Survey>();
  readonly #asked = new Map<number, { readonly survey: Survey; readonly index: number }>();

  constructor(context: Context<never>, nextRequest: () => number) {
    this.#context = context;
    this.#nextRequest = nextRequest;
  }

  /** Some are under way: `tick` is to be called. */
  get busy(): boolean {
    return this.#surveys.size > 0;
  }

  /** Calls `done` once, maybe before this returns. */
  ask(questions: readonly Question[], done: (answers: Answers) => void): void {
    const until = this.#context.monotonic() + SURVEY_MS_MAX;
    const answers = questions.map(() => null);
    const survey: Survey = { questions, answers, until, done, next: 0, inFlight: 0 };
    this.#surveys.add(survey);
    this.#goOn(survey);
  }

  /** True when it was the answer to a question. Late ones are nobody's. */
  receive(answer: PartitionAnswer, from: Address): boolean {
    const asked = this.#asked.get(answer.request);
    if (asked === undefined) return false;
    const { survey, index } = asked;
    if (from.name !== `partition/${survey.questions[index]?.partition}`) return false;
    this.#asked.delete(answer.request);
    survey.inFlight--;
    survey.answers[index] = answer;
    this.#goOn(survey);
    return true;
  }

  /** Ends those whose time is over, and tries again what found no room. */
  tick(): void {
    const now = this.#context.monotonic();
    for (const survey of [...this.#surveys]) {
      if (now >= survey.until) this.#finish(survey);
      else this.#goOn(survey);
    }
  }

  /** The state that the questions came from is gone. */
  reset(): void {
    for (const survey of [...this.#surveys]) this.#finish(survey);
  }

  #goOn(survey: Survey): void {
    while (survey.next < survey.questions.length && survey.inFlight < IN_FLIGHT_MAX) {
      const question = survey.questions[survey.next];
      if (question === undefined) break;
      const request = this.#nextRequest();
      const address = partitionAddress(this.#context.node, question.partition);
      if (this.#context.send(address, question.ask(request)) === 'full') return;
      this.#asked.set(request, { survey, index: survey.next });
      survey.next++;
      survey.inFlight++;
    }
    if (survey.inFlight === 0 && survey.next === survey.questions.length) this.#finish(survey);
  }

  #finish(survey: Survey): void {
    if (!this.#surveys.delete(survey)) return;
    if (survey.inFlight > 0) {
      for (const [request, asked] of this.#asked) if (asked.survey === survey) this.#asked.delete(request);
    }
    survey.done(survey.answers);
  }
}
