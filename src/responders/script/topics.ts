import type { MessageKey } from '../../domain/catalogue/index.ts';

/** What a message is about, as far as the script understands it. */
export type Topic =
  | 'greeting'
  | 'who'
  | 'hours'
  | 'prices'
  | 'where'
  | 'crash'
  | 'burst'
  | 'once'
  | 'order'
  | 'how'
  | 'human'
  | 'help'
  | 'thanks'
  | 'bye';

/** A word that makes the script show how the pipeline behaves. */
export type Trick = 'slow' | 'fail' | 'long';

interface Rule {
  topic: Topic;
  /** Tried on lower-case text without accents, in every language alike. */
  pattern: RegExp;
}

/** In the order in which a message's topics are answered. */
const RULES: readonly Rule[] = [
  { topic: 'greeting', pattern: /\b(hola|buenas|buenos dias|hello|hi|hey|good (morning|afternoon|evening))\b/ },
  { topic: 'thanks', pattern: /\b(gracias|thanks|thank you|thx)\b/ },
  { topic: 'who', pattern: /\b(quien eres|que eres|eres (un|una) \w+|who are you|what are you|are you (a|an|real|human))\b/ },
  { topic: 'hours', pattern: /\b(horarios?|hora|abren|abiertos?|cierran|(opening|business) hours|hours|what time|when are you open|close|closed)\b/ },
  { topic: 'prices', pattern: /\b(precios?|cuanto (cuesta|vale|sale)n?|tarifas?|costos?|prices?|pricing|costs?|how much)\b/ },
  { topic: 'where', pattern: /\b(direccion|ubicacion|donde (estan|queda|quedan|se encuentran)|where are you|where is (it|the)|address|location)\b/ },
  { topic: 'crash', pattern: /\b(crash(es|ed)?|server (dies|goes down|restarts?)|power cut|se (cae|muere|reinicia|apaga)|apagon|kill -9)\b/ },
  { topic: 'burst', pattern: /(\b(one|once|single|together)\b.*\bmessages\b|\bmessages\b.*\b(one|once|together)\b|\b(una|un|juntos?|sola)\b.*\bmensajes\b|\bmensajes\b.*\b(una|un|juntos?)\b)/ },
  { topic: 'once', pattern: /\b(twice|duplicates?|duplicated|dos veces|duplicad[oa]s?|repetid[oa]s?)\b/ },
  { topic: 'order', pattern: /\b((in|right|which|out of) order|que orden|en orden)\b/ },
  { topic: 'how', pattern: /\b(how (does|do) (chasqui|it|this|you) work|what is (chasqui|this)|como funciona|que es (chasqui|esto))\b/ },
  { topic: 'human', pattern: /\b(humano|agente|asesora?|operadora?|(con|una) persona|human|agent|representative|(a|real) person)\b/ },
  { topic: 'help', pattern: /^\W*(ayuda|help|menu|opciones|options|\?+)\W*$|\b(what can you do|que (puedes hacer|sabes))\b/ },
  { topic: 'bye', pattern: /\b(adios|chau|hasta (luego|pronto|manana)|nos vemos|bye|goodbye|see you)\b/ },
];

const TRICKS: Readonly<Record<Trick, RegExp>> = {
  slow: /^\W*(slow|lento)\W*$|#(slow|lento)\b/,
  fail: /^\W*(fail|falla)\W*$|#(fail|falla)\b/,
  long: /^\W*(long|largo)\W*$|#(long|largo)\b/,
};

/** The text that answers each topic; a greeting depends on whether the two have met. */
export const ANSWERS = {
  who: 'script_who',
  hours: 'script_hours',
  prices: 'script_prices',
  where: 'script_where',
  crash: 'script_crash',
  burst: 'script_burst',
  once: 'script_once',
  order: 'script_order',
  how: 'script_how',
  human: 'script_human',
  help: 'script_help',
  thanks: 'script_thanks',
  bye: 'script_bye',
} as const satisfies Record<Exclude<Topic, 'greeting'>, MessageKey>;

const plain = (text: string): string => text.toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, '');

/** The topics of a message, in the order in which they are answered; none when it is not understood. */
export function topicsOf(text: string): Topic[] {
  const reading = plain(text);
  const found = RULES.filter(({ pattern }) => pattern.test(reading)).map(({ topic }) => topic);
  return found.includes('who') ? found.filter((topic) => topic !== 'human') : found;
}

/** True when the message asks for a trick: the word alone, or `#word` anywhere. */
export const asksFor = (trick: Trick, text: string): boolean => TRICKS[trick].test(plain(text));
