/** What people and programs do in an org's inbox, each with a limit of its own. */
export type Action = 'send_text' | 'send_template' | 'retry' | 'assign';

/** How often each may be done in any 60 s. */
export type ActionLimits = Readonly<Record<Action, number>>;

/** Where an org says nothing else. */
export const ACTION_LIMITS: ActionLimits = { send_text: 60, send_template: 20, retry: 10, assign: 100 };
