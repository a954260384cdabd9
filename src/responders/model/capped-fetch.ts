import { tooLong } from './failure.ts';

function capped(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) controller.error(tooLong(maxBytes));
      else controller.enqueue(chunk);
    },
  });
}

/**
 * `fetch` whose response bodies fail after `maxBytes`. The SDK gathers whole events and error bodies in memory, so an
 * endpoint that never ends one would otherwise fill it.
 */
export function cappedFetch(maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    return response.body ? new Response(response.body.pipeThrough(capped(maxBytes)), response) : response;
  };
}
