/** Plays the transcripts of groups in which consumers of both kinds come and go, one command at a time. */
import { type Interpreter, judgeTranscripts } from '../scripts/transcript.ts';
import { ClassicConsumer, MixedWorld, NewConsumer } from './mixed-world.ts';

class Stage {
  readonly #mixed = new MixedWorld();

  interpret([command = '', ...words]: readonly string[]): string {
    const [name = '', ...rest] = words;
    const instance = rest.find((word) => word.startsWith('as='))?.slice(3);
    switch (command) {
      case 'eager':
      case 'cooperative':
        this.#mixed.consumers.set(name, new ClassicConsumer(command === 'cooperative', instance));
        break;
      case 'new':
        this.#mixed.consumers.set(name, new NewConsumer(name, instance));
        break;
      case 'act':
        for (const each of words) this.#mixed.act(this.#consumer(each));
        break;
      case 'pass':
        for (let second = 0; second < Number(name); second++) this.#mixed.pass();
        break;
      case 'leave':
        this.#consumer(name).leave(this.#mixed);
        this.#mixed.consumers.delete(name);
        break;
      case 'crash':
        this.#mixed.consumers.delete(name);
        break;
      case 'restart':
        this.#mixed.restart();
        break;
      default:
        throw new Error(`no command ${command}`);
    }
    return this.#print();
  }

  #consumer(name: string) {
    const consumer = this.#mixed.consumers.get(name);
    if (consumer === undefined) throw new Error(`nobody is called ${name}`);
    return consumer;
  }

  #print(): string {
    const report = this.#mixed.report();
    const lines = [this.#summary(report)];
    for (const [name, { reads }] of this.#mixed.consumers)
      lines.push(`  ${name} reads ${[...reads].sort().join(' ') || 'nothing'}`);
    return lines.join('\n');
  }

  #summary(report: ReturnType<MixedWorld['report']>): string {
    if (typeof report === 'string') return 'no group';
    if (report.kind === 'classic') return `classic, ${report.state}, ${report.members.length} members`;
    const guests = report.members.filter(({ classic }) => classic).length;
    return `consumer, ${report.state}, epoch ${report.epoch}, ${report.members.length} members, ${guests} of them guests`;
  }
}

judgeTranscripts('mixed', (): Interpreter => {
  const stage = new Stage();
  return (words) => stage.interpret(words);
});
