/**
 * The smallest bot: a function that says everything back, tried in the playground.
 *
 *     npm start -- --config examples/echo/chasqui.config.ts
 */
import { defineConfig } from '../../src/index.ts';

export default defineConfig({
  orgs: [
    {
      id: 'demo',
      responder: {
        kind: 'function',
        name: 'echo',
        // Messages sent in a row arrive together, in order. Stop when the signal says so if you wait for anything.
        respond: ({ messages }) => messages.map(({ text }) => text).join('\n'),
      },
      channels: [{ kind: 'playground', id: 'playground' }],
    },
  ],
});
