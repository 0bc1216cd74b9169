/** What `pub` counts: sent, acked, failed, since when; and how it reports. Sends one by one where somebody wants each ack. */
import { CallboardError } from '../client/errors.ts';
import type { OutgoingMessage, Sent } from '../client/message.ts';
import type { Producer } from '../client/producer.ts';
import type { AckedFile } from './acked.ts';
import { CommandError, endingOf } from './exit.ts';

export interface PubSummary {
  readonly acked: number;
  readonly failed: number;
  readonly seconds: number;
  /** Where the only message was stored; without acks nobody knows. */
  readonly partition?: number;
  readonly offset?: number;
}

export class Tally {
  readonly #acked: AckedFile | null;
  readonly #startedMs = performance.now();
  #sent = 0;
  #failed = 0;
  #firstError: CallboardError | null = null;
  #firstSent: Sent | null = null;
  #hopeless = false;

  constructor(acked: AckedFile | null) {
    this.#acked = acked;
  }

  /** A failure that trying again cannot heal. */
  get hopeless(): boolean {
    return this.#hopeless;
  }

  /** For the producer's `onError`: told of everything that was given up. */
  readonly lost = (error: CallboardError, { messages }: { readonly messages: number }): void => {
    this.#failed += messages;
    this.#firstError ??= error;
    this.#hopeless ||= !error.retryable;
  };

  /** The first message tells where it went, and every one when acks are written down; the others need no promise. */
  send(producer: Producer, message: OutgoingMessage, value: Buffer): void {
    this.#sent += 1;
    if (this.#acked === null && this.#sent > 1) {
      producer.sendOneWay(message);
      return;
    }
    producer.send(message).then(
      (sent) => {
        this.#firstSent ??= sent;
        this.#acked?.add(sent, value);
      },
      (error: unknown) => {
        // counted by lost() already, unless the message could not even be taken
        if (this.#failed === 0 && error instanceof CallboardError) this.lost(error, { messages: 1 });
      },
    );
  }

  close(): void {
    this.#acked?.close();
  }

  progress(): string {
    const perSecond = this.#sent / this.#seconds();
    return `${this.#sent.toLocaleString('en')} sent, ${Math.round(perSecond).toLocaleString('en')}/s`;
  }

  summary(): PubSummary {
    const counts = { acked: this.#sent - this.#failed, failed: this.#failed, seconds: this.#seconds() };
    if (this.#sent !== 1 || this.#firstSent === null) return counts;
    return { ...counts, partition: this.#firstSent.partition, offset: this.#firstSent.offset };
  }

  text(topic: string): string {
    const { acked, failed, seconds, partition, offset } = this.summary();
    // the failure is all there is to tell
    if (acked === 0 && failed > 0) return '';
    if (partition !== undefined)
      return `Stored in ${topic}, partition ${partition}${offset === -1 ? '' : `, offset ${offset}`}.`;
    const perSecond = Math.round(acked / seconds).toLocaleString('en');
    return `${acked.toLocaleString('en')} messages stored in ${topic} in ${seconds.toFixed(1)} s (${perSecond}/s).`;
  }

  /** @throws CommandError when messages were lost. */
  check(): void {
    if (this.#failed === 0) return;
    const error = this.#firstError;
    const { exitCode } = endingOf(error, '');
    const which = this.#sent === 1 ? 'the message was' : `${this.#failed} of ${this.#sent} messages were`;
    throw new CommandError(exitCode, `${which} not stored: ${error?.code}: ${error?.message}`, error?.hint);
  }

  #seconds(): number {
    return Math.max(0.001, (performance.now() - this.#startedMs) / 1_000);
  }
}
