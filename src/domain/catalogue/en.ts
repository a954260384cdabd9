/**
 * English: the reference. Its keys and its `{holes}` are what every other language has to have; `as const` lets the
 * compiler read the holes out of the texts.
 */
export const enMessages = {
  apology:
    'I am sorry: I could not answer you just now. Please try again in a little while, or ask for a person and somebody will help you here.',
  apology_crashed:
    'I am sorry: your message stopped me from answering, and trying again did not help. Could you put it another way? You can also ask for a person, and somebody will help you here.',

  closed_defer: 'Thank you for your message. We are closed now and open again: {when}. We will answer you then.',
  closed_answer: 'We are closed now and open again: {when}. Until then I, an automatic assistant, will help you as well as I can.',
  closed_handoff: 'Thank you for your message. We are closed now and open again: {when}. Somebody will answer you then.',
  closed: 'Thank you for your message. We are closed at the moment.',

  limited: 'You write faster than I can answer, and I leave some of your messages out. Please wait a minute, and then write again.',

  handed_over_outside_hours: 'The bot leaves this conversation to you: the contact wrote outside service hours.',
  handed_over_bot_loop: 'The bot leaves this conversation to you: the other side seems to be an automatic program, and both answered each other.',

  numbers: 'zero|one|two|three|four|five|six|seven|eight|nine|ten',

  script_welcome:
    'Hello! I am the Chasqui demo assistant. I work offline, with no model behind me, so my answers are few but quick. Ask me about our hours, our prices, where we are, or how Chasqui works.',
  script_hello_again: 'Hello again! What can I do for you?',
  script_who:
    'I am a small script, not a person and not a language model: the same question always gets the same answer. A real bot takes my place as soon as a model or a function of yours is configured.',
  script_hours: 'We are open Monday to Friday from 9:00 to 18:00, and Saturdays from 10:00 to 14:00. (An example: I am only the demo.)',
  script_prices: 'The basic plan is 10 a month, the team plan 25. (An example: I am only the demo. Chasqui itself is free software.)',
  script_where: 'You will find us at 123 Main Street, on the ground floor. (An example: I am only the demo.)',
  script_how:
    'Chasqui writes your message to disk, and only then tells the chat platform that it has it. A worker answers it after that, in order and once; if it cannot, it says why. The journey beside this chat shows each step.',
  script_crash:
    'If the server crashes, your message is still there: it was written to disk before it was acknowledged. After the restart a worker picks it up where it was. If my answer had already been written, it is sent without asking me again. Try it: send me "slow" and stop the process while you wait.',
  script_burst:
    'You sent several messages in a row, so I waited a moment for you to finish and answered them together, as a person would. How long I wait is a setting (BURST_DEBOUNCE_MS), and so is answering them one by one.',
  script_order:
    'Messages of one conversation are answered in the order in which they came, even when one has to be tried again. Another conversation never waits for yours.',
  script_once:
    'You will not get the same answer twice: it is written down before it is sent, and before sending again Chasqui checks whether the platform already shows it.',
  script_human:
    'Of course. On a connected inbox a person can answer here at any moment; from then on I keep quiet until they hand the conversation back to me. In this demo there is nobody at the other end, but tell me what you need and I will try.',
  script_help:
    'You can ask about opening hours, prices, where we are, or how Chasqui works ("what happens if the server crashes?"). There are also three words to try: "slow" makes me take my time, "fail" makes me fail so that you see the retries and the dead letters, and "long" gets a long answer.',
  script_thanks: 'You are welcome!',
  script_bye: 'Goodbye! Write whenever you like.',
  script_attachment: 'I can see that you sent a file, but I am a script and cannot open it. Could you tell me in words?',
  script_unknown:
    'I read "{text}", but I have no answer for that: I am only the offline demo. Write "help" to see what I know.',
  script_slow: 'Thanks for waiting: I took {seconds} s on purpose. Meanwhile your message was safe on disk.',
  script_together: 'I read your {count} messages together: {list}.',
  script_file: 'a file',
  script_long: [
    'This is a long answer, so that you can see how one is delivered.',
    'The chasquis were the runners of the Inca roads. Each one waited in a small house beside the road, ran his stretch as fast as he could, and called out before arriving so that the next one was ready. The message passed from hand to hand, day and night, over mountains and deserts.',
    'What made it work was not the speed of any one runner. It was that nobody let go of a message before the next had it. This program does the same: whoever hands a message on waits until it has been written down.',
    'A platform with a limit on the length of a message gets an answer like this in parts. Every part is written down before it is sent, and each is sent once, in order.',
  ].join('\n\n'),
} as const;

/** The name of a text. */
export type MessageKey = keyof typeof enMessages;

/** One language's texts. `{name}` marks a hole that `say` fills. */
export type Messages = Readonly<Record<MessageKey, string>>;

/** Words that are frequent in chats and belong to no other language of the catalogue. */
export const enWords = [
  'the of and to in is you that it for on are with they at be this have from or by not but what all were we when your can said there an',
  'which do how their if will up about out many then them these so some her would make like him into time look two more go see way could',
  'my than been call who its now did get may i am im does dont cant could should why where thanks thank please hello hi hey yes good morning',
  'afternoon evening night bye help need want price prices cost much open hours order today tomorrow sorry okay any us our was me tell',
].join(' ');

/** Letters and signs that only this language of the catalogue uses. */
export const enLetters = '';
