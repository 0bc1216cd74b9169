/**
 * Can this machine connect to an address? For warnings: nobody waits for the answer, nothing is sent, and nothing of it
 * keeps the process alive. Names are asked of the name server by sockets, never looked up in libuv's threads, which write to the disk.
 */
import { Resolver } from 'node:dns/promises';
import { connect, isIP } from 'node:net';

/** @returns in words why not; null: somebody accepts connections there. */
export async function reach(host: string, port: number, msMax: number): Promise<string | null> {
  const found = isIP(host) === 0 ? await resolve(host, msMax) : { address: host };
  return 'why' in found ? found.why : connects(found.address, port, msMax);
}

type Found = { readonly address: string } | { readonly why: string };

async function resolve(name: string, msMax: number): Promise<Found> {
  const resolver = new Resolver({ timeout: msMax, tries: 1 });
  const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  for (const answer of [four, six]) {
    const address = answer.status === 'fulfilled' ? answer.value[0] : undefined;
    if (address !== undefined) return { address };
  }
  return { why: 'the name server does not know the name' };
}

function connects(host: string, port: number, msMax: number): Promise<string | null> {
  return new Promise((told) => {
    const socket = connect({ host, port });
    socket.unref();
    const end = (why: string | null): void => {
      socket.destroy();
      told(why);
    };
    socket.setTimeout(msMax, () => end(`no answer within ${msMax} ms`));
    socket.once('connect', () => end(null));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
