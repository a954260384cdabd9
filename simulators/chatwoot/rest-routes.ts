import type { RestOperation } from './faults.ts';

export interface RestRoute {
  operation: RestOperation;
  account: number;
  /** 0 for routes that are not about one conversation. */
  conversation: number;
  query: URLSearchParams;
}

const BY_CONVERSATION: Record<string, RestOperation> = {
  'GET ': 'conversation_show',
  'GET messages': 'message_list',
  'POST messages': 'message_create',
  'POST toggle_status': 'status_toggle',
  'POST toggle_typing_status': 'typing_toggle',
  'POST assignments': 'assignment',
};

const NO_QUERY = new URLSearchParams();

/** The route under `/api/v1/accounts/:account/conversations`, or null. */
export function matchRoute(method: string, url: string): RestRoute | null {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const [empty, api, v1, accounts, account, conversations, conversation, action, ...more] = path.split('/');
  if (empty !== '' || api !== 'api' || v1 !== 'v1' || accounts !== 'accounts') return null;
  if (conversations !== 'conversations' || more.length > 0) return null;
  const operation = operationOf(method, conversation, action);
  if (operation === null) return null;
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  return { operation, account: Number(account), conversation: Number(conversation ?? 0), query };
}

function operationOf(method: string, conversation: string | undefined, action: string | undefined): RestOperation | null {
  if (!conversation) return method === 'GET' ? 'conversation_list' : null;
  return BY_CONVERSATION[`${method} ${action ?? ''}`] ?? null;
}
