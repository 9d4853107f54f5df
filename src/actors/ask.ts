import type { AnyActorRef, AnyEventObject, EventObject } from 'xstate'
import { ExitError, OptionError } from '../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import { checkActor, isAlive } from './lifecycle.ts'
import { Question, questionKey } from './question.ts'

declare const answered: unique symbol

/**
 * Marks an event that is answered, with the type of its answer: `{ type: 'get'; key: string } & Ask<number>`. It exists
 * in types alone; nothing has to be put into the event.
 */
export interface Ask<Answer> {
  readonly [answered]?: () => Answer
}

/** The answer that an event declares with {@link Ask}; unknown when it declares none. */
export type AnswerTo<Event> = Event extends { readonly [answered]?: () => infer Answer } ? Answer : unknown

/** An actor that takes these events. */
export interface ActorOf<Event extends EventObject> {
  send(event: Event): void
  getSnapshot(): unknown
}

/** The answer that is declared, among an actor's events, by those of this type. */
export type AnswerOf<Event extends EventObject, Type extends string> = Type extends string
  ? AnswerAmong<Event, Type>
  : never

type AnswerAmong<Declared, Type extends string> = Declared extends { readonly type: infer Known }
  ? Type extends Known
    ? AnswerTo<Declared>
    : never
  : never

/** Options of {@link ask}. */
export interface AskOptions {
  /** Milliseconds to wait for the answer; Infinity for no limit. Default 5,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

declare const notGiven: unique symbol
/** Stands for the type of an answer that the caller did not give. */
export type NotGiven = typeof notGiven

const optionsTable: CheckTable<AskOptions> = { timeout: checks.milliseconds, signal: checks.signal }

/**
 * Sends an actor an event and resolves with what it answers by {@link reply}, now or later. The event is copied; the
 * actor may keep what it gets, spread it or forward it: whoever has it can answer.
 *
 * Rejects with what the actor answers by {@link replyError}; `ExitError` (`noproc` when there is no such actor, at once;
 * `exited`, with the `reason`, when it ends before it answers), `TimeoutError`, `AbortError` or `OptionError`. An answer that comes
 * after that is dropped. The actor may still handle an event whose asker has gone.
 *
 * The answer's type comes from the actor's events where they say it with {@link Ask}, or from the caller: `ask<number>(…)`.
 *
 * @param ref any xstate actor, in a tree or not; undefined, as `whereis` gives it, is an actor that is not there
 */
export function ask<Answer = NotGiven>(
  ref: [Answer] extends [NotGiven] ? never : AnyActorRef | undefined,
  event: AnyEventObject,
  options?: AskOptions,
): Promise<NoInfer<Answer>>
export function ask<Event extends EventObject, Type extends string>(
  ref: ActorOf<Event> | undefined,
  event: Event & { readonly type: Type },
  options?: AskOptions,
): Promise<AnswerOf<Event, Type>>
export function ask(ref: unknown, event: EventObject, options?: AskOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // What is thrown in here rejects.
    let timeout = 5_000
    let signal: AbortSignal | undefined
    if (options !== undefined) {
      checkOptions(options, optionsTable, 'ask: ')
      timeout = options.timeout ?? timeout
      signal = options.signal
    }
    const type = typeOf(event)
    if (ref === undefined) throw new ExitError('noproc', `there is no actor to answer "${type}"`)
    checkActor(ref, 'ref')
    if (!signal?.aborted && !isAlive(ref)) {
      throw new ExitError('noproc', `actor "${ref.id}" has ended and cannot answer "${type}"`)
    }
    const question = new Question({ ref, type, resolve, reject })
    if (!signal?.aborted) send(ref, event, question)
    question.wait(timeout, signal)
  })
}

function send(ref: AnyActorRef, event: EventObject, question: Question): void {
  const prototype = Object.getPrototypeOf(event)
  const asked: EventObject =
    prototype === Object.prototype || prototype === null
      ? { ...event, [questionKey]: question }
      : Object.assign(Object.create(prototype), event, { [questionKey]: question })
  try {
    ref.send(asked)
  } catch (error) {
    // An inspector threw.
    question.refuse(error)
  }
}

function typeOf(event: EventObject): string {
  const type: unknown = event?.type
  if (typeof type === 'string') return type
  throw new OptionError('event', 'an object with a "type"', event)
}

/**
 * Answers an event that was asked. A promise answers when it settles.
 *
 * @returns whether somebody waited for the answer. False for an event that was sent and not asked, one that has been answered
 * already, and one whose asker has given up: nothing happens then
 */
export function reply<Event extends EventObject>(
  event: Event,
  value: AnswerTo<Event> | PromiseLike<AnswerTo<Event>>,
): boolean {
  if (questionOf(event)?.answer(value)) return true
  // Nobody is left to handle its rejection.
  if (value instanceof Promise) value.catch(() => {})
  return false
}

/**
 * Answers an event that was asked with an error: the ask rejects with it.
 *
 * @returns whether somebody waited, as with {@link reply}
 */
export function replyError(event: EventObject, error: unknown): boolean {
  return questionOf(event)?.refuse(error) === true
}

/** Who waits for an answer to this event; undefined for an event that was sent and not asked. */
export function questionOf(event: EventObject): Question | undefined {
  return (event as { readonly [questionKey]?: Question })[questionKey]
}
