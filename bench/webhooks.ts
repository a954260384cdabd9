import { createHmac } from 'node:crypto';

/** The account and the secret that the servers under load are configured with. */
export const ACCOUNT_ID = 1;
export const WEBHOOK_SECRET = 'bench-webhook-secret';
export const WEBHOOK_PATH = '/chatwoot/webhook';
/** Webhooks go to this many conversations. */
export const CONVERSATIONS = 10_000;

/** Stand for the numbers that differ from webhook to webhook; every one of them has as many digits. */
const MESSAGE_MARK = 999_999_999;
const CONVERSATION_MARK = 7_777_777;
const FIRST_MESSAGE = 100_000_000;
const FIRST_CONVERSATION = 1_000_000;
const SIGNATURE_MARK = 's'.repeat(64);

const contact = { id: CONVERSATION_MARK, name: 'Ana Torres', email: null, phone_number: null, identifier: null, thumbnail: '', blocked: false, additional_attributes: {} };

/** What Chatwoot posts to an agent bot when a contact writes, without what nobody reads: about 1.2 kB. */
const EVENT = {
  account: { id: ACCOUNT_ID, name: 'Bench' },
  additional_attributes: {},
  content_attributes: {},
  content_type: 'text',
  content: `Hello, is order ${MESSAGE_MARK} on its way? It was to arrive on Tuesday.`,
  conversation: {
    additional_attributes: { browser_language: 'es-AR' },
    can_reply: true,
    channel: 'Channel::WebWidget',
    contact_inbox: { id: 3, contact_id: CONVERSATION_MARK, inbox_id: 2, source_id: 'f0b1c2d3', hmac_verified: false, pubsub_token: 't' },
    id: CONVERSATION_MARK,
    inbox_id: 2,
    messages: [],
    labels: [],
    meta: { sender: { ...contact, type: 'contact' }, assignee: null, assignee_type: null, team: null, hmac_verified: false },
    status: 'pending',
    custom_attributes: {},
    unread_count: 1,
    first_reply_created_at: null,
    priority: null,
    waiting_since: 0,
    last_activity_at: 1_795_168_800,
    timestamp: 1_795_168_800,
    created_at: 1_795_168_740,
    updated_at: 1_795_168_800.25,
  },
  created_at: '2026-11-20T09:59:58.123Z',
  id: MESSAGE_MARK,
  inbox: { id: 2, name: 'Web' },
  message_type: 'incoming',
  private: false,
  sender: contact,
  source_id: null,
  event: 'message_created',
};

function offsetsOf(bytes: Buffer, mark: string | number): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(String(mark)); at >= 0; at = bytes.indexOf(String(mark), at + 1)) offsets.push(at);
  return offsets;
}

/** The conversation of the n-th webhook: any, the same in every run. Neighbours in time are not neighbours in the store (splitmix32). */
function conversationOf(index: number): number {
  let mixed = Math.imul(index, 0x9e3779b9);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) % CONVERSATIONS;
}

/** Writes the numbers of the n-th webhook into bytes made from the template. */
function numberer(template: Buffer): (into: Buffer, index: number) => void {
  const messages = offsetsOf(template, MESSAGE_MARK);
  const conversations = offsetsOf(template, CONVERSATION_MARK);
  return (into, index) => {
    const message = String(FIRST_MESSAGE + index);
    const conversation = String(FIRST_CONVERSATION + conversationOf(index));
    for (const offset of messages) into.write(message, offset, 'latin1');
    for (const offset of conversations) into.write(conversation, offset, 'latin1');
  };
}

function signatures(body: Buffer, count: number, timestamp: string): Buffer {
  const number = numberer(body);
  const table = Buffer.alloc(count * 64);
  for (let index = 0; index < count; index += 1) {
    number(body, index);
    table.write(createHmac('sha256', WEBHOOK_SECRET).update(`${timestamp}.`).update(body).digest('hex'), index * 64, 'latin1');
  }
  return table;
}

/** Whole HTTP requests that differ in message, conversation and signature. Only the signatures are kept: 64 bytes each. */
export interface SignedRequests {
  readonly count: number;
  /** Bytes of one body. */
  readonly bodyBytes: number;
  /** Room for one request. */
  blank(): Buffer;
  /** Makes the n-th request of a blank, or of another request. */
  write(into: Buffer, index: number): void;
}

/** Signs `count` different webhooks, so that nothing but copying is left to do under load. */
export function signRequests(count: number, port: number): SignedRequests {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const body = Buffer.from(JSON.stringify(EVENT));
  const head = [
    `POST ${WEBHOOK_PATH} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Accept: */*',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `X-Chatwoot-Timestamp: ${timestamp}`,
    `X-Chatwoot-Signature: sha256=${SIGNATURE_MARK}`,
    'X-Chatwoot-Delivery: 5d9c9c4e-6f0b-4f2e-9f0a-0d5a5a3f1c11',
  ];
  const template = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  const table = signatures(Buffer.from(body), count, timestamp);
  const signatureAt = template.indexOf(SIGNATURE_MARK);
  const number = numberer(template);
  return {
    count,
    bodyBytes: body.length,
    blank: () => Buffer.from(template),
    write(into, index) {
      number(into, index);
      table.copy(into, signatureAt, index * 64, index * 64 + 64);
    },
  };
}
