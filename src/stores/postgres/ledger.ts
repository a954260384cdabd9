import type { NewId } from '../../domain/ids.ts';
import { sendKey } from '../../domain/turn.ts';
import type { Ledger, PartEnd } from '../../ports/ledger.ts';
import { batch, single, type Command, type EncodedCall } from './command.ts';
import { fenced, whole } from './mailbox.ts';

function encodeEnd(end: PartEnd): EncodedCall {
  switch (end.state) {
    case 'planned':
      return { state: 'planned', retry_ms: whole(end.retryInMs), error: end.error };
    case 'failed':
      return { state: 'failed', reason: end.reason, error: end.error };
    case 'unknown':
      return { state: 'unknown', reason: 'ambiguous_send', error: end.error };
    case 'ambiguous':
      return { state: 'ambiguous', error: end.error };
  }
}

export function ledgerCommands(newId: NewId): Record<keyof Ledger, Command> {
  return {
    plan: batch<Ledger['plan']>({
      name: 'plan',
      encode: (lease, { turnId, seqs, reply }) => ({
        ...fenced(lease), turn_id: turnId, seqs, kind: reply.kind, parts: reply.parts, keys: reply.parts.map((_, part) => sendKey(turnId, part)),
        responder: reply.responder, model: reply.model, input_tokens: reply.usage?.inputTokens, output_tokens: reply.usage?.outputTokens,
        dead_reason: reply.deadReason, error: reply.error,
      }),
    }),
    startPart: batch<Ledger['startPart']>({ name: 'start_part', encode: (lease, { turnId, part, maxTries, patienceMs = 0 }) => ({ ...fenced(lease), turn_id: turnId, part, max_tries: maxTries, patience_ms: whole(patienceMs) }) }),
    resend: batch<Ledger['resend']>({
      name: 'resend',
      encode: (lease, { turnId, part, maxTries, withinMs }) => ({
        ...fenced(lease), turn_id: turnId, part, max_tries: maxTries, within_ms: withinMs === undefined ? null : whole(withinMs),
      }),
    }),
    recordSent: batch<Ledger['recordSent']>({
      name: 'record_sent',
      encode: ({ turnId, part, providerId }) => ({ turn_id: turnId, part, provider_id: providerId, message_id: newId('msg') }),
      key: (call) => `${call.turn_id as string}-${call.part as number}`,
      repeatable: true,
    }),
    endPart: single<Ledger['endPart']>({ name: 'end_part', encode: (lease, { turnId, part, end }) => ({ ...fenced(lease), turn_id: turnId, part, ...encodeEnd(end) }) }),
    settle: batch<Ledger['settle']>({ name: 'settle', encode: (lease, turnId) => ({ ...fenced(lease), turn_id: turnId }), repeatable: true }),
    close: batch<Ledger['close']>({ name: 'close', encode: (lease, turnId) => ({ ...fenced(lease), turn_id: turnId }), repeatable: true }),
  };
}
