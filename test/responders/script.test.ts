import { describe, expect, it } from 'vitest';
import { say } from '../../src/domain/catalogue/index.ts';
import { createScriptResponder } from '../../src/responders/script/index.ts';
import type { Question } from '../../src/ports/responder.ts';
import { manualClock } from './manual-clock.ts';
import { question, turnMessage } from './question.ts';

const never = new AbortController().signal;
const answer = async (asked: Question): Promise<string> => (await createScriptResponder({}, { clock: manualClock() }).respond(asked, never)).text;

describe('what the script understands', () => {
  it.each([
    ['hello', 'en', 'script_welcome'],
    ['Buenas tardes', 'es', 'script_welcome'],
    ['are you a bot?', 'en', 'script_who'],
    ['¿eres un humano?', 'es', 'script_who'],
    ['What are your opening hours?', 'en', 'script_hours'],
    ['a que hora abren', 'es', 'script_hours'],
    ['How much is the team plan?', 'en', 'script_prices'],
    ['¿Cuánto cuesta?', 'es', 'script_prices'],
    ['where are you?', 'en', 'script_where'],
    ['¿Dónde están?', 'es', 'script_where'],
    ['what happens if the server crashes?', 'en', 'script_crash'],
    ['¿qué pasa si se cae el servidor?', 'es', 'script_crash'],
    ['why did you answer once to my three messages', 'en', 'script_burst'],
    ['¿por qué respondiste una sola vez a mis tres mensajes?', 'es', 'script_burst'],
    ['could I get the same answer twice?', 'en', 'script_once'],
    ['¿en qué orden respondes?', 'es', 'script_order'],
    ['how does Chasqui work?', 'en', 'script_how'],
    ['cómo funciona esto', 'es', 'script_how'],
    ['human please', 'en', 'script_human'],
    ['quiero hablar con un agente', 'es', 'script_human'],
    ['help', 'en', 'script_help'],
    ['AYUDA!', 'es', 'script_help'],
    ['thank you', 'en', 'script_thanks'],
    ['muchas gracias', 'es', 'script_thanks'],
    ['bye', 'en', 'script_bye'],
    ['hasta luego', 'es', 'script_bye'],
  ] as const)('%s (%s): %s', async (text, locale, key) => {
    expect(await answer(question([text], { locale: locale === 'en' ? 'es' : 'en' }))).toBe(say(key, locale));
  });

  it('says what it read when it has no answer', async () => {
    expect(await answer(question(['tell me about quantum gravity']))).toBe(say('script_unknown', 'en', { text: 'tell me about quantum gravity' }));
  });

  it('greets whom it knows already without introducing itself again', async () => {
    const history = [{ role: 'user' as const, text: 'hola', at: 1 }];
    expect(await answer(question(['hola'], { history }))).toBe(say('script_hello_again', 'es'));
  });

  it('keeps the language of the conversation when a message does not tell', async () => {
    const history = [{ role: 'user' as const, text: 'hola, buenas tardes', at: 1 }];
    expect(await answer(question(['ok'], { history }))).toBe(say('script_unknown', 'es', { text: 'ok' }));
  });

  it('mentions a file that it cannot open', async () => {
    expect(await answer(question([turnMessage('', { attachments: [{ type: 'image' }] })], { locale: 'es' }))).toBe(say('script_attachment', 'es'));
  });
});

describe('several messages', () => {
  it('are answered together, once, with what was read of each in order', async () => {
    const text = await answer(question(['hola', '¿qué precio tiene?', 'y el precio del otro?']));
    expect(text).toBe(
      [
        'Leí tus tres mensajes juntos: "hola", "¿qué precio tiene?", "y el precio del otro?".',
        say('script_welcome', 'es'),
        say('script_prices', 'es'),
      ].join('\n\n'),
    );
  });

  it('counts past ten in digits, and shortens what it repeats without breaking a character', async () => {
    const text = await answer(question(Array.from({ length: 12 }, () => '😀'.repeat(80))));
    expect(text).toMatch(/^I read your 12 messages together: /);
    expect(text).toContain(`"${'😀'.repeat(59)}…"`);
    expect(text.isWellFormed()).toBe(true);
  });

  it('leaves out what was withdrawn', async () => {
    expect(await answer(question([turnMessage('thanks', { withdrawn: true }), 'where are you?']))).toBe(say('script_where', 'en'));
  });

  it('gets the same answer each time', async () => {
    const asked = question(['hi', 'prices?', 'what is this thing']);
    expect(await answer(asked)).toBe(await answer(asked));
  });
});

describe('tricks', () => {
  it('slow waits on the clock, then answers', async () => {
    const clock = manualClock();
    const pending = createScriptResponder({ slowMs: 3_000 }, { clock }).respond(question(['slow']), never);
    expect(clock.sleeping()).toEqual([3_000]);
    clock.ring();
    expect((await pending).text).toBe(say('script_slow', 'en', { seconds: 3 }));
  });

  it('slow stops when the turn is aborted', async () => {
    const stop = new AbortController();
    const pending = createScriptResponder({}, { clock: manualClock() }).respond(question(['lento']), stop.signal);
    stop.abort(new Error('stopped'));
    await expect(pending).rejects.toThrow('stopped');
  });

  it.each(['fail', '¡Falla!', 'hello #fail'])('"%s" fails', async (text) => {
    await expect(answer(question([text]))).rejects.toMatchObject({ name: 'ResponderError', code: 'script_asked_to_fail' });
  });

  it('long answers in several paragraphs', async () => {
    expect((await answer(question(['largo'], { locale: 'es' }))).split('\n\n').length).toBeGreaterThan(3);
  });

  it.each(['why is it so slow?', 'did it fail', 'a long story'])('"%s" is no trick', async (text) => {
    expect(await answer(question([text]))).toBe(say('script_unknown', 'en', { text }));
  });
});
