import type { Probes } from './probes.ts';

/** What a server said to a GET. `text` is at most the first 64 KB. */
export type Answer = { kind: 'answered'; status: number; text: string; at: number | null } | { kind: 'silent'; why: string };

const DEADLINE_MS = 5_000;
const TEXT_LIMIT = 65_536;

/** A short reason without the address, which may hold a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  if (error.name === 'TimeoutError') return `no answer within ${DEADLINE_MS} ms`;
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? error.name;
}

async function beginning(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= TEXT_LIMIT) break;
  }
  return text;
}

/** A GET that ends within 5 s and never throws. Redirects are not followed: they would carry the token to wherever they point. */
export async function ask(url: string, headers: Record<string, string>, probes: Probes): Promise<Answer> {
  try {
    const response = await probes.fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(DEADLINE_MS) });
    const date = Date.parse(response.headers.get('date') ?? '');
    return { kind: 'answered', status: response.status, text: await beginning(response), at: Number.isNaN(date) ? null : date };
  } catch (error) {
    return { kind: 'silent', why: reasonOf(error) };
  }
}
