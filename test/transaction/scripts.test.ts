/** Plays the transcripts of transactions: producers and their coordinator, one command at a time. */
import { type Interpreter, judgeTranscripts } from '../scripts/transcript.ts';
import { type Outcome, Stage } from './stage.ts';

const ID = 'pay';

class Play {
  readonly #stage = new Stage();

  interpret([command = '', ...words]: readonly string[]): string {
    const said = this.#do(command, words);
    return [...(said === null ? [] : [said]), ...this.#print()].join('\n');
  }

  #do(command: string, words: readonly string[]): string | null {
    const [first = '', second = ''] = words;
    const stage = this.#stage;
    switch (command) {
      case 'open':
        return shown(stage.open(ID, first === '' ? undefined : who(first)));
      case 'join':
      case 'verify':
        return shown(
          stage.join(ID, who(first), {
            places: words
              .slice(1)
              .filter((word) => /^\d+$/.test(word))
              .map(Number),
            groups: words.slice(1).filter((word) => !/^\d+$/.test(word)),
            verify: command === 'verify',
          }),
        );
      case 'commit':
      case 'abort':
        return shown(stage.end(ID, who(first), command === 'commit', second === 'v1' ? 1 : 2));
      case 'told':
        stage.told(ID);
        return null;
      case 'pass':
        stage.pass(Number(first), second === '' ? undefined : Number(second));
        return null;
      case 'restart':
        stage.restart(first === 'snapshot');
        return null;
      case 'no-producers':
        stage.dry = true;
        return null;
      case 'producers':
        stage.dry = false;
        return null;
      case 'burn':
        return this.#burn(Number(first));
      default:
        throw new Error(`no command ${command}`);
    }
  }

  /** Instances come and go until the epoch is so high. */
  #burn(epoch: number): null {
    while ((this.#stage.all.get(ID)?.epoch ?? -1) < epoch) this.#stage.open(ID);
    return null;
  }

  #print(): string[] {
    const one = this.#stage.all.get(ID);
    if (one === undefined) return ['no such id'];
    const { producer, epoch, state, places, groups } = one;
    const parts = [...places.keys(), ...groups];
    return [`${state}, producer ${producer} epoch ${epoch}${parts.length > 0 ? `, with ${parts.join(' ')}` : ''}`];
  }
}

const who = (text: string): { readonly producer: number; readonly epoch: number } => {
  const [producer = '', epoch = ''] = text.split('/');
  return { producer: Number(producer), epoch: Number(epoch) };
};

function shown(outcome: Outcome<unknown>): string {
  if ('fault' in outcome) return `refused ${outcome.fault.code}: ${outcome.fault.message}`;
  if ('wait' in outcome)
    return `waits until ${outcome.wait === 'ended' ? 'everybody was told' : 'a producer id is there'}`;
  const { reply } = outcome;
  if (typeof reply === 'object' && reply !== null && 'producer' in reply && 'epoch' in reply)
    return `producer ${reply.producer} epoch ${reply.epoch}`;
  const { all, missing } = reply as { readonly all: boolean; readonly missing: readonly number[] };
  return all ? 'all are in it' : `not in it: ${missing.join(' ') || 'the group'}`;
}

judgeTranscripts('transactions', (): Interpreter => {
  const play = new Play();
  return (words) => play.interpret(words);
});
