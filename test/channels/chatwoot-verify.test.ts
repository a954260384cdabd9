import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawDelivery } from '../../src/ports/channel.ts';
import { bench, nobody } from './chatwoot-bench.ts';
import { NOW, SECRET, bytes, delivery, message, rails, signed } from './chatwoot-payloads.ts';

const BODY = bytes(rails(message({ content: '<a> & \u2028' })));
const signing = bench(nobody).channel;
const verify = (headers: RawDelivery['headers'], body = BODY) => signing.verify(delivery(body, headers));
const good = signed(BODY);
const hex = String(good['x-chatwoot-signature']).slice('sha256='.length);

describe('a signed webhook', () => {
  it('matches a vector computed elsewhere', () => {
    // printf '1795168800.{"a":"\\u003c"}' | openssl dgst -sha256 -hmac wh-secret
    const headers = {
      'x-chatwoot-timestamp': String(NOW / 1000),
      'x-chatwoot-signature': 'sha256=7b884c97750058af7c4e565a79c5862085fb5d3e274c9b3ecea599501a56c7fd',
    };
    expect(NOW / 1000).toBe(1795168800);
    expect(verify(headers, bytes('{"a":"\\u003c"}'))).toBeNull();
  });

  it.each<[string, RawDelivery['headers']]>([
    ['as Chatwoot signs it', good],
    ['as an array of one header', { ...good, 'x-chatwoot-signature': [String(good['x-chatwoot-signature'])] }],
    ['in upper-case hex', { ...good, 'x-chatwoot-signature': `sha256=${hex.toUpperCase()}` }],
    ['at the old end of the tolerance', signed(BODY, NOW / 1000 - 300)],
    ['at the future end of the tolerance', signed(BODY, NOW / 1000 + 300)],
  ])('passes %s', (_, headers) => {
    expect(verify(headers)).toBeNull();
  });

  it('is checked over the bytes: the same JSON written differently does not pass', () => {
    const rewritten = bytes(JSON.stringify(JSON.parse(new TextDecoder().decode(BODY))));
    expect(rewritten).not.toEqual(BODY);
    expect(verify(good, rewritten)).toMatchObject({ status: 401, code: 'signature_invalid' });
  });

  it.each<[string, string, RawDelivery['headers']]>([
    ['without headers', 'signature_missing', {}],
    ['without a timestamp', 'signature_missing', { 'x-chatwoot-signature': good['x-chatwoot-signature'] }],
    ['without a signature', 'signature_missing', { 'x-chatwoot-timestamp': good['x-chatwoot-timestamp'] }],
    ['with two signatures', 'signature_missing', { ...good, 'x-chatwoot-signature': [`sha256=${hex}`, `sha256=${hex}`] }],
    ['with no scheme', 'signature_invalid', { ...good, 'x-chatwoot-signature': hex }],
    ['with a short digest', 'signature_invalid', { ...good, 'x-chatwoot-signature': `sha256=${hex.slice(2)}` }],
    ['with a long digest', 'signature_invalid', { ...good, 'x-chatwoot-signature': `sha256=${hex}00` }],
    ['with garbage for hex', 'signature_invalid', { ...good, 'x-chatwoot-signature': `sha256=${'zz'.repeat(32)}` }],
    ['with non-ASCII garbage', 'signature_invalid', { ...good, 'x-chatwoot-signature': 'sha256=é\u0000🙂' }],
    ['with another secret', 'signature_invalid', signed(BODY, NOW / 1000, 'other')],
    ['with another timestamp than was signed', 'signature_invalid', { ...good, 'x-chatwoot-timestamp': String(NOW / 1000 + 1) }],
    ['signed without the timestamp in front', 'signature_invalid', { ...signed(BODY), ...unprefixed() }],
    ['too old', 'timestamp_stale', signed(BODY, NOW / 1000 - 301)],
    ['from the future', 'timestamp_stale', signed(BODY, NOW / 1000 + 301)],
    ['with a timestamp that is no number', 'timestamp_invalid', { ...good, 'x-chatwoot-timestamp': '1e9' }],
    ['with an empty timestamp', 'timestamp_invalid', { ...good, 'x-chatwoot-timestamp': '' }],
  ])('is refused %s', (_, code, headers) => {
    expect(verify(headers)).toMatchObject({ status: 401, code });
  });

  it('is refused when any one byte differs', () => {
    for (const at of [0, Math.floor(BODY.length / 2), BODY.length - 1]) {
      const tampered = BODY.slice();
      tampered[at] = (tampered[at] ?? 0) ^ 1;
      expect(verify(good, tampered)).toMatchObject({ status: 401 });
    }
  });

  it('never throws, whatever the headers', () => {
    const header = fc.oneof(fc.constant(undefined), fc.string({ unit: 'binary' }), fc.array(fc.string()));
    fc.assert(
      fc.property(header, header, fc.uint8Array(), (timestamp, signature, body) => {
        expect(verify({ 'x-chatwoot-timestamp': timestamp, 'x-chatwoot-signature': signature }, body)).toMatchObject({ status: 401 });
      }),
    );
  });
});

function unprefixed(): RawDelivery['headers'] {
  const wrong = signed(bytes(''), NOW / 1000, SECRET);
  return { 'x-chatwoot-signature': wrong['x-chatwoot-signature'] };
}

describe('an unsigned webhook', () => {
  const byPath = bench(nobody, { webhookSecret: null, pathSecret: 'only-we-know' }).channel;

  it('passes with the path secret', () => {
    expect(byPath.verify(delivery(BODY, {}, 'only-we-know'))).toBeNull();
  });

  it.each([null, '', 'only-we-kno', 'only-we-know '])('is refused with the path secret %j', (secret) => {
    expect(byPath.verify(delivery(BODY, {}, secret))).toMatchObject({ status: 401, code: 'path_secret_invalid' });
  });

  it('is refused on a channel that signs, even with the right path secret', () => {
    const both = bench(nobody, { pathSecret: 'only-we-know' }).channel;
    expect(both.verify(delivery(BODY, {}, 'only-we-know'))).toMatchObject({ status: 401, code: 'signature_missing' });
  });

  it('is refused with an explanation when nothing is configured', () => {
    const open = bench(nobody, { webhookSecret: null }).channel;
    expect(open.verify(delivery(BODY, signed(BODY, NOW / 1000, ''), ''))).toMatchObject({
      status: 401,
      code: 'unconfigured',
      detail: expect.stringContaining('webhookSecret'),
    });
  });
});
