import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile } from '../../src/config/index.ts';
import { fromFunction } from '../../src/responders/function/index.ts';
import { question } from './question.ts';

const nothing = {};

async function example(name: string): Promise<ConfigFile> {
  const module = (await import(`../../examples/${name}/chasqui.config.ts`)) as { default: ConfigFile };
  return module.default;
}

describe('examples', () => {
  it('echo says everything back', async () => {
    const config = resolveConfig({ env: nothing, file: { name: 'chasqui.config.ts', value: await example('echo') } });
    const responder = config.orgs[0]?.channels[0]?.responder;
    if (responder?.kind !== 'function') throw new Error('the example has no function');
    const answer = await fromFunction(responder.name, responder.respond).respond(question(['a', 'b']), new AbortController().signal);
    expect(answer).toEqual({ text: 'a\nb' });
  });

  it('many-orgs needs only the secrets that its first lines name', async () => {
    const source = await readFile(new URL('../../examples/many-orgs/chasqui.config.ts', import.meta.url), 'utf8');
    const named = [...source.matchAll(/\b([A-Z_]+)=\.\.\./g)].map(([, name]) => name);
    const env = Object.fromEntries(named.map((name) => [name, `value of ${name}`]));
    const config = resolveConfig({ env, file: { name: 'chasqui.config.ts', value: await example('many-orgs') } });
    const channels = config.orgs.flatMap((org) => org.channels);
    expect(channels.map(({ locale, talk, responder }) => [locale, talk.burstDebounceMs, responder.kind])).toEqual([
      ['es', 700, 'model'],
      ['es', 1_500, 'script'],
      ['en', 500, 'script'],
    ]);
    expect(channels.map(({ connection }) => (connection.kind === 'chatwoot' ? connection.apiToken : ''))).toEqual([
      'value of BAKERY_CHATWOOT_TOKEN',
      'value of CLINIC_CHATWOOT_TOKEN',
      'value of CLINIC_WEB_TOKEN',
    ]);
  });
});
