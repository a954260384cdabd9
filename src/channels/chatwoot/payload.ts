import { z } from 'zod';

/** Only what we use is checked; the rest of Chatwoot's payloads may change as it likes. */
const attributes = z.record(z.string(), z.unknown()).nullish();
const number = z.int().positive();

/** ISO text in webhooks, unix seconds in REST; to UTC ms. */
export const instant = z.union([z.string(), z.number()]).transform((value, context) => {
  const at = typeof value === 'number' || /^[0-9.]+$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (Number.isFinite(at) && at >= 0) return Math.round(at);
  context.addIssue({ code: 'custom', message: 'must be an ISO date or unix seconds' });
  return z.NEVER;
});

const person = z
  .object({
    id: z.union([z.int(), z.string()]).nullish(),
    name: z.string().nullish().catch(null),
    type: z.string().nullish(),
    blocked: z.boolean().nullish(),
  })
  .nullish();

export const attachmentSchema = z.object({
  file_type: z.string().nullish(),
  data_url: z.string().nullish(),
  fallback_title: z.string().nullish(),
});

const meta = z.object({ sender: person, assignee: person, assignee_type: z.string().nullish() }).nullish();

/** A conversation as it is in webhooks and in REST. */
export const conversationSchema = z.object({
  /** The display id: unique per account, and what REST paths want. */
  id: number,
  status: z.string(),
  inbox_id: number.nullish(),
  meta,
  first_reply_created_at: z.union([z.string(), z.number()]).nullish(),
  updated_at: instant.nullish(),
  last_activity_at: instant.nullish(),
  additional_attributes: attributes,
});
export type ConversationPayload = z.output<typeof conversationSchema>;

/** What messages are in webhooks and in REST alike. */
const messageShape = {
  id: number,
  content: z.string().nullish(),
  content_type: z.string().nullish(),
  content_attributes: attributes,
  additional_attributes: attributes,
  message_type: z.union([z.string(), z.int()]),
  private: z.boolean().nullish(),
  created_at: instant,
  sender: person,
  attachments: z.array(attachmentSchema).nullish(),
};

export const messageEventSchema = z.object({ ...messageShape, inbox: z.object({ id: number }).nullish(), conversation: conversationSchema });
export type MessageEvent = z.output<typeof messageEventSchema>;

export const restMessageSchema = z.object({ ...messageShape, sender_type: z.string().nullish() });
export type RestMessage = z.output<typeof restMessageSchema>;
export type MessagePayload = Omit<RestMessage, 'sender_type'>;

/** Keys of the conversation at the root; changes as an array of one-key objects. */
export const conversationEventSchema = z.object({
  ...conversationSchema.shape,
  changed_attributes: z.union([z.array(z.record(z.string(), z.unknown())), z.record(z.string(), z.unknown())]).nullish(),
});
export type ConversationEvent = z.output<typeof conversationEventSchema>;

/** What every event has. */
export const envelopeSchema = z.object({ event: z.string(), account: z.object({ id: z.union([z.int(), z.string()]) }).nullish() });

/** True when a person is assigned. The assignee may be a bot: then `assignee_type`, or the assignee's own type, says so. */
export function hasHumanAssignee(conversation: Pick<ConversationPayload, 'meta'>): boolean {
  const assignee = conversation.meta?.assignee;
  if (!assignee) return false;
  const type = conversation.meta?.assignee_type ?? assignee.type ?? 'User';
  return type.toLowerCase() === 'user';
}

/** A person has answered at some time since the conversation began (0 and null mean never). Not who owns it now. */
export const hadHumanReply = (conversation: ConversationPayload): boolean => Boolean(conversation.first_reply_created_at);
