import type { Messages } from './en.ts';

/** Spanish, in the plain "tú" that is understood everywhere. */
export const esMessages: Messages = {
  apology:
    'Lo siento: no he podido responderte en este momento. Inténtalo de nuevo en un rato o pide hablar con una persona y alguien te ayudará por aquí.',
  apology_crashed:
    'Lo siento: tu mensaje me impidió responder y volver a intentarlo no sirvió. ¿Podrías decirlo de otra manera? También puedes pedir hablar con una persona y alguien te ayudará por aquí.',

  closed_defer: 'Gracias por tu mensaje. Ahora está cerrado; volvemos a abrir: {when}. Te respondemos entonces.',
  closed_answer: 'Ahora está cerrado; volvemos a abrir: {when}. Hasta entonces te ayudo yo, un asistente automático, en lo que pueda.',
  closed_handoff: 'Gracias por tu mensaje. Ahora está cerrado; volvemos a abrir: {when}. Entonces te responderá una persona.',
  closed: 'Gracias por tu mensaje. En este momento está cerrado.',

  limited: 'Escribes más rápido de lo que puedo responder, y algunos de tus mensajes quedan sin respuesta. Espera un minuto, por favor, y vuelve a escribirme.',

  handed_over_outside_hours: 'El bot les deja esta conversación: el contacto escribió fuera del horario de atención.',
  handed_over_bot_loop: 'El bot les deja esta conversación: del otro lado parece haber un programa automático, y los dos se respondían.',

  numbers: 'cero|un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez',

  script_welcome:
    '¡Hola! Soy el asistente de demostración de Chasqui. Funciono sin conexión y sin ningún modelo detrás, así que mis respuestas son pocas pero rápidas. Pregúntame por los horarios, los precios, dónde estamos o cómo funciona Chasqui.',
  script_hello_again: '¡Hola de nuevo! ¿En qué te ayudo?',
  script_who:
    'Soy un pequeño guion, no una persona ni un modelo de lenguaje: la misma pregunta recibe siempre la misma respuesta. Un bot de verdad toma mi lugar en cuanto se configura un modelo o una función tuya.',
  script_hours: 'Abrimos de lunes a viernes de 9:00 a 18:00 y los sábados de 10:00 a 14:00. (Es un ejemplo: solo soy la demostración.)',
  script_prices:
    'El plan básico cuesta 10 al mes y el de equipo 25. (Es un ejemplo: solo soy la demostración. Chasqui es software libre y gratuito.)',
  script_where: 'Estamos en la Calle Mayor 123, planta baja. (Es un ejemplo: solo soy la demostración.)',
  script_how:
    'Chasqui escribe tu mensaje en disco y solo entonces le dice a la plataforma que lo tiene. Después un trabajador lo responde, en orden y una sola vez; si no puede, dice por qué. El recorrido junto a este chat muestra cada paso.',
  script_crash:
    'Si el servidor se cae, tu mensaje sigue ahí: se escribió en disco antes de confirmarlo. Al reiniciar, un trabajador lo retoma donde estaba. Si mi respuesta ya estaba escrita, se envía sin volver a preguntarme. Pruébalo: mándame "lento" y detén el proceso mientras esperas.',
  script_burst:
    'Enviaste varios mensajes seguidos, así que esperé un momento a que terminaras y los respondí juntos, como haría una persona. Cuánto espero es un ajuste (BURST_DEBOUNCE_MS), y también se pueden responder uno por uno.',
  script_order:
    'Los mensajes de una conversación se responden en el orden en que llegaron, incluso cuando uno tiene que reintentarse. Ninguna otra conversación espera por la tuya.',
  script_once:
    'No recibirás dos veces la misma respuesta: se escribe antes de enviarla y, antes de reenviarla, Chasqui comprueba si la plataforma ya la muestra.',
  script_human:
    'Claro. En una bandeja conectada una persona puede responder aquí en cualquier momento; desde entonces me quedo callado hasta que me devuelva la conversación. En esta demostración no hay nadie al otro lado, pero dime qué necesitas y lo intentaré.',
  script_help:
    'Puedes preguntarme por los horarios, los precios, dónde estamos o cómo funciona Chasqui ("¿qué pasa si se cae el servidor?"). También hay tres palabras para probar: "lento" hace que me tome mi tiempo, "falla" hace que falle para que veas los reintentos y los mensajes muertos, y "largo" da una respuesta larga.',
  script_thanks: '¡De nada!',
  script_bye: '¡Hasta luego! Escribe cuando quieras.',
  script_attachment: 'Veo que enviaste un archivo, pero soy un guion y no puedo abrirlo. ¿Me lo cuentas con palabras?',
  script_unknown:
    'Leí "{text}", pero no tengo respuesta para eso: solo soy la demostración sin conexión. Escribe "ayuda" para ver lo que sé.',
  script_slow: 'Gracias por esperar: tardé {seconds} s a propósito. Mientras tanto tu mensaje estaba a salvo en disco.',
  script_together: 'Leí tus {count} mensajes juntos: {list}.',
  script_file: 'un archivo',
  script_long: [
    'Esta es una respuesta larga, para que veas cómo se entrega.',
    'Los chasquis eran los corredores de los caminos incas. Cada uno esperaba en una casita junto al camino, corría su tramo tan rápido como podía y avisaba antes de llegar para que el siguiente estuviera listo. El mensaje pasaba de mano en mano, de día y de noche, por montañas y desiertos.',
    'Lo que lo hacía funcionar no era la velocidad de ningún corredor. Era que nadie soltaba un mensaje antes de que el siguiente lo tuviera. Este programa hace lo mismo: quien entrega un mensaje espera hasta que quede escrito.',
    'Una plataforma que limita el largo de los mensajes recibe una respuesta como esta en partes. Cada parte se escribe antes de enviarla, y cada una se envía una sola vez y en orden.',
  ].join('\n\n'),
};

/** Words that are frequent in chats and belong to no other language of the catalogue. */
export const esWords = [
  'de la que el en y los se del las por un para con una su al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre',
  'también hasta hay donde quien desde todo nos durante todos uno les ni contra otros ese eso ante ellos e esto mí antes algunos qué unos yo otro',
  'otras otra él tanto esa estos mucho quienes nada muchos cual poco ella estar estas algunas algo nosotros mi mis tú te ti tu tus es soy eres',
  'está están estoy estamos tengo tiene tienen quiero quisiera necesito puedo puede puedes pueden cuánto cuanto cuesta precio precios horario horarios',
  'hola buenas buenos buen días dias tardes noches gracias favor adiós adios chau ayuda dónde cómo cuándo ahora hoy mañana abren cierran pedido',
  'hablar ayudar ayudarme decir persona vale bien hasta luego oye disculpa perdón sabes saber hacer pasa si',
].join(' ');

/** Letters and signs that only this language of the catalogue uses. */
export const esLetters = 'ñáéíóú¿¡';
