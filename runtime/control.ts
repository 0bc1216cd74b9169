/** Control of a shard from main's thread, by comlink; the one file that imports it. About 70 µs a call: never for messages. */
import type { MessagePort, Worker } from 'node:worker_threads';
import { type Endpoint, expose, wrap } from 'comlink';
import type { ShardControl } from './shard-host.ts';

/** In the worker: carries out what main asks. */
export function exposeControl(control: ShardControl, port: MessagePort): void {
  expose(control, endpoint(port));
}

/** In main. A call to a thread that ends is never answered: race it with the thread's exit. */
export function controlOf(worker: Worker): ShardControl {
  return wrap<ShardControl>(endpoint(worker));
}

type Listener =
  | ((event: { readonly data: unknown }) => void)
  | { handleEvent(event: { readonly data: unknown }): void };

/** A port of Node as comlink wants it. */
function endpoint(port: MessagePort | Worker): Endpoint {
  const listeners = new Map<unknown, (data: unknown) => void>();
  return {
    postMessage: (message: unknown, transfer?: []) => port.postMessage(message, transfer ?? []),
    addEventListener(_type: string, listener: Listener) {
      const heard = (data: unknown): void => {
        if (typeof listener === 'function') listener({ data });
        else listener.handleEvent({ data });
      };
      listeners.set(listener, heard);
      port.on('message', heard);
    },
    removeEventListener(_type: string, listener: Listener) {
      const heard = listeners.get(listener);
      if (heard !== undefined) port.off('message', heard);
      listeners.delete(listener);
    },
  };
}
