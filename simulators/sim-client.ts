import type { ConversationView } from './chatwoot/index.ts';

export interface SeenMessage {
  id: number;
  from: 'bot' | 'agent' | 'activity';
  content: string;
}

/** The users' side of a running Chatwoot simulator, over HTTP. */
export interface SimClient {
  /** A contact's message. Resolves to its id. */
  send(conversation: number, text: string): Promise<number>;
  /** What the contact was shown after this message, and the activity lines between. */
  seen(conversation: number, afterId: number): Promise<SeenMessage[]>;
}

const DEADLINE_MS = 5000;

/** Null when nothing that looks like the simulator answers on this port. */
export async function connectSim(port: number): Promise<SimClient | null> {
  const base = `http://127.0.0.1:${port}/sim`;
  try {
    const probe = await fetch(`${base}/env`, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!probe.ok) return null;
  } catch {
    // Nobody listens: the caller starts a simulator of its own.
    return null;
  }
  return {
    async send(conversation, text) {
      const body = JSON.stringify({ conversation, text });
      const response = await fetch(`${base}/contact-messages`, {
        method: 'POST',
        body,
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      const answer = (await response.json()) as { id?: number; error?: string };
      if (answer.id === undefined) throw new Error(`the simulator refused the message: ${answer.error}`);
      return answer.id;
    },
    async seen(conversation, afterId) {
      const response = await fetch(`${base}/conversations/${conversation}`, { signal: AbortSignal.timeout(DEADLINE_MS) });
      if (response.status === 404) return [];
      const { messages } = (await response.json()) as ConversationView;
      return messages.filter(({ id, type, private: isNote }) => id > afterId && type !== 'incoming' && !isNote).map(asSeen);
    },
  };
}

function asSeen({ id, type, sender, content }: ConversationView['messages'][number]): SeenMessage {
  const from = type === 'activity' ? 'activity' : sender === 'user' ? 'agent' : 'bot';
  return { id, from, content };
}
