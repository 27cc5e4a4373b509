import { applyDecorators, Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { EVENTS, parseEvent, subjectsOf, type EventName } from '#contracts';
import type { HandlerExtras, HandlerOptions, LatestOptions } from './handler-options.js';

export const JETSTREAM = Symbol('JETSTREAM');

/** Without it Nest's default filter replaces every error with "Internal server error". */
@Catch()
class PassThroughFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

const subscribe = (subject: string, extras: HandlerExtras): MethodDecorator =>
  applyDecorators(EventPattern(subject, JETSTREAM, extras) as MethodDecorator, UseFilters(PassThroughFilter));

/** Handles the messages of a subject (`>` in it is allowed; `'>'` alone takes the whole stream) with a durable consumer. */
export const JetStreamEvent = (subject: string, options: HandlerOptions): MethodDecorator =>
  subscribe(subject, { kind: 'durable', ...options });

/** Each process gets the last message of every matching subject, then all new ones. For state that is broadcast. */
export const LatestEvent = (subject: string, options: LatestOptions): MethodDecorator =>
  subscribe(subject, { kind: 'latest', ...options });

/** `@OnEvent('attack.detected', { durable: 'orchestrator-attacks' })`: an event of the contracts, of all models, checked. */
export const OnEvent = (name: EventName, options: Omit<HandlerOptions, 'stream' | 'parse'>): MethodDecorator =>
  JetStreamEvent(subjectsOf(name), {
    ...options,
    stream: EVENTS[name].stream,
    parse: (json) => parseEvent(name, json),
  });

/** `@OnLatest('protection.updated')`: the last event of each model first, then all new ones, in every process. */
export const OnLatest = (name: EventName): MethodDecorator => LatestEvent(subjectsOf(name), latestOf(name));

/** `@OnHistory('anomaly.raised')`: all that the stream still has first. For state of which the last event of a model tells a part only. */
export const OnHistory = (name: EventName): MethodDecorator =>
  LatestEvent(subjectsOf(name), { ...latestOf(name), history: true });

const latestOf = (name: EventName): LatestOptions => ({
  stream: EVENTS[name].stream,
  parse: (json) => parseEvent(name, json),
});
